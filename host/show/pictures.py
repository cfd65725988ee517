"""Pictures on pages."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path

import cv2

from device_runtime.errors import FatalError
from device_runtime.sinks.pictures import OVERVIEW_NAME
from device_runtime.sources.files import image_files
from device_runtime.sources.image import Image, read_image

MOST = 12
"""Pictures on a page; a report is to be sent by mail."""
WIDTH = 720
"""px that a picture is shrunk to."""
_QUALITY = 82


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A picture and what to write below it.

    Attributes:
        address: of the picture, or a data URI with all of it.
        width, height: px.
        alt: what a screen reader says of it.
        title: the first words below it; may be empty.
        caption: the others.
        link: the page behind it; None where there is none.
    """

    address: str
    width: int
    height: int
    alt: str
    title: str = ""
    caption: str = ""
    link: str | None = None


def read_pictures(folder: Path) -> list[Picture]:
    """The first `MOST` pictures that `lpr-run --save-annotated` left in *folder*, by name.

    Raises:
        FatalError: there are none, or one cannot be read.
    """
    if not folder.is_dir():
        raise FatalError(str(folder), "no such folder", "name one that lpr-run --save-annotated filled")
    paths = [path for path in image_files([folder]) if path.name != OVERVIEW_NAME]
    if not paths:
        raise FatalError(str(folder), "holds no pictures", "name one that lpr-run --save-annotated filled")
    return [_picture(read_image(path), path.stem) for path in paths[:MOST]]


def jpeg(image: Image) -> bytes:
    """*image*, BGR uint8[H,W,3], as JPEG."""
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return data.tobytes()


def inside(data: bytes) -> str:
    """A JPEG as a data URI."""
    return f"data:image/jpeg;base64,{base64.b64encode(data).decode()}"


def shrunk(image: Image, width: int = WIDTH) -> Image:
    """*image*, at most *width* px wide."""
    if image.shape[1] <= width:
        return image
    size = (width, max(round(image.shape[0] * width / image.shape[1]), 1))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def _picture(image: Image, name: str) -> Picture:
    image = shrunk(image)
    return Picture(
        address=inside(jpeg(image)),
        width=image.shape[1],
        height=image.shape[0],
        alt=f"Street picture {name} with the plates that were found",
        caption=name,
    )
