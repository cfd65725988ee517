"""Annotated pictures inside a page."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
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


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture, BGR uint8[H,W,3], and what to write below it."""

    image: Image
    caption: str


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
    return [Picture(_shrunk(read_image(path)), path.stem) for path in paths[:MOST]]


def gallery(pictures: Sequence[Picture]) -> str:
    """Figures with the pictures inside, as HTML."""
    return "".join(
        f'<figure><img src="data:image/jpeg;base64,{_jpeg(picture.image)}" width="{picture.image.shape[1]}" '
        f'height="{picture.image.shape[0]}" alt="{escape(picture.caption)}">'
        f"<figcaption>{escape(picture.caption)}</figcaption></figure>"
        for picture in pictures
    )


def _shrunk(image: Image) -> Image:
    if image.shape[1] <= WIDTH:
        return image
    size = (WIDTH, max(round(image.shape[0] * WIDTH / image.shape[1]), 1))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def _jpeg(image: Image) -> str:
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return base64.b64encode(data.tobytes()).decode()
