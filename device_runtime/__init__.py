"""What runs on the board: numpy, OpenCV and compiled networks; no PyTorch, no TVM package.

In Python `Reader` is all that is needed; see `device_runtime.reader`.
"""

import os
from importlib import import_module

__version__ = "0.1.0"
__all__ = ["Place", "Plate", "Reader", "__version__"]

# OpenCV reads this once, when it is loaded: a larger image is refused from its header, before its
# pixels are allocated. 2^26 pixels are 192 MiB as BGR, which a board with 512 MiB can still hold.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(1 << 26))

# A camera or an image that fails is reported in one line of our own.
os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")


def __getattr__(name: str) -> object:
    """What `__init__.pyi` names: loaded, with NumPy and OpenCV, when it is asked for."""
    if name in ("Place", "Plate", "Reader"):
        return getattr(import_module("device_runtime.reader"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
