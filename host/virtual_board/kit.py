"""What the checks need beside the bundle: wheels, pictures, a video with plates, settings."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import cv2
import numpy as np

from device_runtime.sources.image import Image, read_image
from host.cache import cached
from host.deploy.wheels import SIGNATURE_WHEELS
from host.emulate.root import PYTHON, REQUIREMENTS
from host.paths import CACHE, SAMPLES
from host.runtime_libs.wheels import download_wheels
from host.virtual_board.image import GUEST

TEXTS = ("云AD63504", "京A41090", "冀ALW324")
"""Plates of the video, of which there are samples: a frame each, after one without a plate."""
SIZE = (640, 480)

SETTINGS = """\
[source]
camera = "0"
timeout = 30
[reader]
bundle = "/opt/lpr"
[events]
delay = 1
patience = 30
[delivery]
events = "serial:/dev/ttyS0@115200"
spool = "/var/lib/lpr/spool"
"""


def make(folder: Path) -> int:
    """Fill *folder* for `checks.KIT`; returns how many pictures of plates are in it.

    Raises:
        FatalError: a file cannot be written.
    """
    shutil.copytree(SAMPLES, folder / "samples")
    for name in ("feed.py", "items.py"):
        shutil.copy(GUEST / name, folder)
    (folder / "lpr.toml").write_text(SETTINGS)
    video = cv2.VideoWriter(str(folder / "plates.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 1, SIZE)
    for text in (None, *TEXTS):
        video.write(scene(text))
    video.release()
    return len([path for path in SAMPLES.iterdir() if path.suffix == ".png"])


def scene(text: str | None) -> Image:
    """A dark bumper on grey, uint8[480,640,3], with the sample of the plate *text* on it, 180 px wide."""
    frame = np.full((SIZE[1], SIZE[0], 3), 70, np.uint8)
    frame[200:330, 180:480] = (50, 40, 30)
    if text is not None:
        plate = cv2.resize(read_image(SAMPLES / f"{text}.png"), (180, 46), interpolation=cv2.INTER_CUBIC)
        frame[242:288, 230:410] = plate
    return cv2.GaussianBlur(frame, (3, 3), 0)


def wheels(cache: Path = CACHE) -> Path:
    """A folder with the wheels that `install.sh` needs on the board, downloaded once.

    Raises:
        FatalError: pip cannot get them.
    """
    pins = re.findall(r"^[^#\n]+", REQUIREMENTS.read_text(encoding="utf-8"), re.MULTILINE)
    name = f"aarch64-{PYTHON}-" + "-".join(
        re.sub(r"[^\w.]+", "_", pin.partition(";")[0].strip()) for pin in pins
    )

    def fill(folder: Path) -> None:
        download_wheels(["--requirement", str(REQUIREMENTS), *SIGNATURE_WHEELS], "aarch64", PYTHON, folder)

    return cached(cache / "board-wheels" / name, fill)
