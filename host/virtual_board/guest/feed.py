"""feed.py VIDEO DEVICE FPS YU12|MJPG WHICH: a v4l2loopback device gets the frame whose number WHICH holds."""

from __future__ import annotations

import fcntl
import os
import struct
import sys
import time
from pathlib import Path

import cv2

video, device, rate, pixel_format, which = sys.argv[1:]
capture, frames = cv2.VideoCapture(video), []
while True:
    read, image = capture.read()
    if not read:
        break
    if pixel_format == "MJPG":
        frames.append(cv2.imencode(".jpg", image)[1].tobytes())
    else:
        frames.append(cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420).tobytes())
width, height = int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))

# VIDIOC_S_FMT with struct v4l2_format, 208 bytes on 64 bit: type, padding, then width, height, pixelformat,
# field, bytesperline, sizeimage, colorspace, priv.
VIDIOC_S_FMT, V4L2_BUF_TYPE_VIDEO_OUTPUT, FIELD_NONE, COLORSPACE_SRGB = 0xC0D05605, 2, 1, 8
(code,) = struct.unpack("<I", pixel_format.encode())
size = width * height * 3 // 2
line = 0 if pixel_format == "MJPG" else width
fields = (width, height, code, FIELD_NONE, line, size, COLORSPACE_SRGB, 0)
descriptor = os.open(device, os.O_RDWR)
fcntl.ioctl(
    descriptor, VIDIOC_S_FMT, struct.pack("<II8I", V4L2_BUF_TYPE_VIDEO_OUTPUT, 0, *fields).ljust(208, b"\0")
)
print("playing", len(frames), "frames", flush=True)
due = time.monotonic()
while True:
    os.write(descriptor, frames[int(Path(which).read_text())])
    due += 1 / float(rate)
    time.sleep(max(0.0, due - time.monotonic()))
