"""From what a user writes after `--camera` to a source."""

from __future__ import annotations

import re
import stat
from functools import partial
from pathlib import Path

from device_runtime.errors import FatalError
from device_runtime.sources.address import is_address, parse_address, shown
from device_runtime.sources.files import SUFFIXES, image_files
from device_runtime.sources.live import Capture, Connect, Live
from device_runtime.sources.picamera import PicameraCapture
from device_runtime.sources.pipe import STANDARD_INPUT, is_file, named_pipe, standard_input
from device_runtime.sources.settings import SourceSettings
from device_runtime.sources.source import Source
from device_runtime.sources.stills import Stills
from device_runtime.sources.v4l2 import V4l2Capture, find_device, stable_path
from device_runtime.sources.video import VideoFile

_PICAMERA = re.compile(r"(?:picamera2?|libcamera)(?::(\d{1,2}))?")


def open_source(camera: str, settings: SourceSettings | None = None) -> Source:
    """The source that *camera* names, with its first frame there.

    | *camera* | |
    | --- | --- |
    | number, /dev/…, name | a local camera |
    | picamera2, picamera2:1 | a Raspberry Pi's camera module |
    | rtsp://…, http://…, … | a stream, or a camera that gives single pictures |
    | - | standard input: MJPEG, or raw frames where the settings have a size |
    | path | video, image, folder of images, named pipe |

    Args:
        camera: what it is.
        settings: how frames are asked for; the defaults where None.

    Raises:
        FatalError: there is none, or it does not open.
    """
    settings = settings or SourceSettings()
    if not camera.strip() or "\0" in camera:
        raise FatalError("--camera", "names nothing", "give a number, path, address or -")
    if camera == STANDARD_INPUT:
        live = not (settings.every_frame or is_file(0))
        return Live(
            STANDARD_INPUT,
            partial(standard_input, settings),
            timeout_s=settings.timeout,
            fps=settings.fps,
            live=live,
            reconnects=False,
        )
    if is_address(camera):
        return _stream(camera, settings)
    if found := _PICAMERA.fullmatch(camera.lower()):
        return _live(camera, partial(PicameraCapture, camera, int(found[1] or 0), settings), settings)
    if camera.isdecimal():
        return _local(camera, settings)
    path = Path(camera)
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        # A name as «HD Webcam» has no slash and no suffix; neither has a device that is not there now.
        if camera.startswith("/dev/") or not ("/" in camera or path.suffix):
            return _local(camera, settings)
        raise FatalError(
            f"camera {shown(camera)}", "does not open (no such file)", "check the path"
        ) from None
    if stat.S_ISCHR(mode):
        return _local(str(path.absolute()), settings)
    if stat.S_ISFIFO(mode):
        return Live(
            camera,
            partial(named_pipe, path, settings),
            timeout_s=settings.timeout,
            fps=settings.fps,
            live=not settings.every_frame,
        )
    if stat.S_ISDIR(mode) or path.suffix.lower() in SUFFIXES:
        return Stills.of_files(image_files([path]))
    return VideoFile(path, settings)


def _local(camera: str, settings: SourceSettings) -> Source:
    asked = find_device(camera)
    # Plugged in again, it may have another number.
    path = stable_path(asked) if camera.isdecimal() else Path(camera) if camera.startswith("/") else None

    def connect() -> Capture:
        return V4l2Capture(camera, path or find_device(camera), settings)

    return _live(camera, connect, settings)


def _stream(camera: str, settings: SourceSettings) -> Source:
    try:
        address = parse_address(camera)
    except ValueError as error:
        todo = "write it as rtsp://user:password@host:554/path"
        raise FatalError(f"camera {shown(camera)}", f"does not open (it {error})", todo) from None
    if address.scheme == "file":
        return open_source(re.sub(r"(?i)^file://(localhost)?", "", address.url), settings)
    # Loaded where it is used: with TLS and HTTP it takes a twentieth of the time to the first plate.
    from device_runtime.sources.network import open_address

    return open_address(address, settings)


def _live(name: str, connect: Connect, settings: SourceSettings) -> Live:
    return Live(name, connect, timeout_s=settings.timeout, fps=settings.fps)
