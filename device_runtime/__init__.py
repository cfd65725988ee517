"""What runs on the board: numpy, OpenCV and a compiled network; no PyTorch, no TVM package."""

import os

__version__ = "0.1.0"

# OpenCV reads this once, when it is loaded: a larger image is refused from its header, before its
# pixels are allocated. 2^26 pixels are 192 MiB as BGR, which a board with 512 MiB can still hold.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(1 << 26))

# A camera or an image that fails is reported in one line of our own.
os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
