"""Python's packages for boards without internet, downloaded here once."""

from __future__ import annotations

import hashlib
import platform
import re
from pathlib import Path

from device_runtime.bundle.signature import SIGNATURE_NAME
from device_runtime.errors import FatalError
from host.cache import cached
from host.paths import CACHE
from host.runtime_libs.wheels import download_wheels

SIGNATURE_WHEELS = ("PyNaCl==1.6.2", "cffi==2.1.1", "pycparser==3.12")
"""What checks signatures, and what that needs."""
HAVE_WHEELS = ("x86_64", "aarch64")


def wheels_for(bundle: Path, arch: str, python: str, cache: Path = CACHE) -> Path:
    """A folder with the wheels that install.sh of *bundle* needs on a board.

    Args:
        python: the board's version, e.g. "3.11.2".

    Raises:
        FatalError: there are none for this architecture, or pip cannot get them.
    """
    if arch not in HAVE_WHEELS:
        raise FatalError(
            f"--offline for {arch}",
            "numpy and OpenCV have no wheels for it",
            "apt install python3-numpy python3-opencv on the board, and leave --offline out",
        )
    minor = ".".join(python.split(".")[:2])
    # pip evaluates markers for the Python that it runs in.
    here = ".".join(platform.python_version_tuple()[:2])
    if (minor == "3.10") != (here == "3.10"):
        raise FatalError("--offline", f"the board has Python {python}", "put the wheels into BUNDLE/wheels/")
    requirements = bundle / "requirements.txt"
    more = SIGNATURE_WHEELS if (bundle / SIGNATURE_NAME).is_file() else ()
    try:
        text = requirements.read_text(encoding="utf-8")
    except OSError as error:
        why = f"cannot be read ({error.strerror})"
        raise FatalError(str(requirements), why, "build the bundle again") from None
    pins = re.findall(r"^[^#\n]+", text, re.MULTILINE)
    key = hashlib.sha256("\n".join([*pins, *more]).encode()).hexdigest()[:16]

    def fill(folder: Path) -> None:
        download_wheels(["--requirement", str(requirements), *more], arch, minor, folder)

    return cached(cache / "board-wheels" / f"{arch}-{minor}-{key}", fill)
