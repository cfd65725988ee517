"""What there is to endure, by name; imports nothing, since a command's help lists it."""

from __future__ import annotations

KINDS = ("mjpeg", "rtsp-jpeg", "rtsp-h264")
"""Of cameras: HTTP-MJPEG, and RTSP with either codec."""

NAMES = ("serial", "kills", "memory", *(f"{what}-{kind}" for kind in KINDS for what in ("age", "back")))
