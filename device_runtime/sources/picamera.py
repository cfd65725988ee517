"""Camera modules of a Raspberry Pi by picamera2, where it is installed."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

from device_runtime.errors import FatalError
from device_runtime.moment import Moment
from device_runtime.sources.image import Image, as_bgr
from device_runtime.sources.live import Captured, Lost
from device_runtime.sources.settings import SourceSettings
from device_runtime.sources.v4l2 import RPICAM

_SIZE = (1280, 720)


class PicameraCapture:
    """A camera module; see `Capture`."""

    def __init__(self, name: str, number: int, settings: SourceSettings) -> None:
        """Open the *number*th camera that libcamera knows.

        Raises:
            FatalError: there is none, or no picamera2.
        """
        self._name = name
        try:
            from picamera2 import Picamera2  # type: ignore[import-not-found]
        except ImportError as error:
            todo = f"sudo apt-get install python3-picamera2, venv with --system-site-packages; or {RPICAM}"
            raise FatalError(f"camera {name}", f"needs picamera2 ({error})", todo) from None
        try:
            self._camera: Any = Picamera2(number)
            controls = {"FrameRate": settings.fps} if settings.fps else {}
            # What picamera2 calls RGB888 lies in memory as OpenCV's BGR.
            main = {"size": settings.size or _SIZE, "format": "RGB888"}
            self._camera.configure(self._camera.create_video_configuration(main=main, controls=controls))
            self._camera.start()
        except (RuntimeError, IndexError, ValueError, OSError) as error:
            why = " ".join(str(error).split())[:120] or type(error).__name__
            raise FatalError(
                f"camera {name}", f"does not open ({why})", "rpicam-hello must show it"
            ) from None

    def read(self, timeout_s: float) -> Captured | None:
        """See `Capture.read`."""
        try:
            image = self._camera.capture_array("main", wait=timeout_s)
        except TimeoutError:
            return None
        except (RuntimeError, OSError) as error:
            raise Lost(" ".join(str(error).split())[:80]) from None
        return Captured(Moment.now(), partial(_copied, image))

    def interrupt(self) -> None:
        """`read` keeps to its time."""

    def close(self) -> None:
        """Let go of it."""
        self._camera.close()
        # libcamera gives a camera back a little later.
        time.sleep(0.1)


def _copied(image: Any) -> Image:
    return as_bgr(image)
