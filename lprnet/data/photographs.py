"""Folders of photographs whose plates are labelled: `labels.jsonl`, or CCPD's file names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from device_runtime.errors import FatalError
from device_runtime.sources.files import image_files
from device_runtime.sources.image import read_image

LABELS = "labels.jsonl"

Corners = NDArray[np.float32]
"""float32[4,2] or float32[N,4,2]: (x, y) in pixels, from the plate's top left clockwise as it is read."""


@dataclass(frozen=True)
class LabelledPlate:
    """What is known of a plate.

    Attributes:
        box: left, top, right, bottom in pixels.
        corners: float32[4,2], where they are known.
        text: what it reads, where that is known.
    """

    box: tuple[float, float, float, float]
    corners: Corners | None = None
    text: str | None = None

    @property
    def width(self) -> float:
        """Of the box, px."""
        return self.box[2] - self.box[0]


@dataclass(frozen=True, eq=False, kw_only=True)
class Photograph:
    """A photograph and its labelled plates; others may be on it.

    Attributes:
        path: of its file, or what to call it.
        plates: those to be found.
        ride: the drive it was taken on, "" where there was none: frames of a ride are alike.
        ignored: plates that may be found or not, such as are cut by the edge.
        image: uint8[H,W,3] BGR, of one that has no file.
    """

    path: Path
    plates: tuple[LabelledPlate, ...]
    ride: str = ""
    ignored: tuple[LabelledPlate, ...] = ()
    image: NDArray[np.uint8] | None = None

    def read(self) -> NDArray[np.uint8]:
        """uint8[H,W,3] BGR.

        Raises:
            FatalError: the file is missing or no image.
        """
        return read_image(self.path) if self.image is None else self.image


class _Plate(msgspec.Struct):
    box: tuple[float, float, float, float]
    text: str | None = None
    corners: list[tuple[float, float]] | None = None


class _Line(msgspec.Struct):
    file: str
    plates: list[_Plate]
    ride: str = ""


def read_photographs(folder: Path) -> list[Photograph]:
    """The photographs of *folder*: the lines of its `labels.jsonl`, or else its images by their CCPD names.

    A line is an object with `file`, `plates` and perhaps `ride`; a plate has a `box` (left, top, width and
    height in pixels) and perhaps `corners` (from top left clockwise) and a `text`.

    Raises:
        FatalError: no such folder, no images, or a line or name that says something else.
    """
    if not folder.is_dir():
        raise FatalError(str(folder), "no such folder", "give a folder of labelled photographs")
    labels = folder / LABELS
    if not labels.exists():
        return [_from_ccpd(path) for path in image_files([folder])]
    photographs = []
    for number, line in enumerate(labels.read_bytes().splitlines(), 1):
        try:
            parsed = msgspec.json.decode(line, type=_Line)
            plates = tuple(_from_line(plate) for plate in parsed.plates)
        except (msgspec.DecodeError, ValueError) as error:
            raise FatalError(f"{labels}:{number}", str(error), "write file, plates and their boxes") from None
        photographs.append(Photograph(path=folder / parsed.file, plates=plates, ride=parsed.ride))
    if not photographs:
        raise FatalError(str(labels), "is empty", "write a line for each photograph")
    return photographs


def _from_line(plate: _Plate) -> LabelledPlate:
    left, top, width, height = plate.box
    corners = None
    if plate.corners is not None:
        corners = np.array(plate.corners, np.float32)
        if corners.shape != (4, 2):
            raise ValueError(f"{len(corners)} corners, not 4")
    return LabelledPlate((left, top, left + width, top + height), corners, plate.text)


_PROVINCES = "皖沪津渝冀晋蒙辽吉黑苏浙京闽赣鲁豫鄂湘粤桂琼川贵云藏陕甘青宁新警学O"
_OFFICES = "ABCDEFGHJKLMNPQRSTUVWXYZO"
_SERIAL = "ABCDEFGHJKLMNPQRSTUVWXYZ0123456789O"
"""What the indices in a CCPD name stand for: in the first place, the second, all others."""


def _from_ccpd(path: Path) -> Photograph:
    """A name is `area-tilt-box-corners-text-brightness-blur`, corners from bottom right clockwise.

    Xu et al., Towards End-to-End License Plate Detection and Recognition (CCPD), ECCV 2018, whose code names
    the characters that the text's indices stand for.
    """
    try:
        _, _, box, corners, *rest = path.stem.split("-")
        (left, top), (right, bottom) = (map(float, point.split("&")) for point in box.split("_"))
        points = np.array([point.split("&") for point in corners.split("_")], np.float32)
        if points.shape != (4, 2):
            raise ValueError
        text = _ccpd_text(rest[0]) if rest else None
    except ValueError:
        todo = f"name it as CCPD does, or write {LABELS}"
        raise FatalError(str(path), "its name holds no box and corners", todo) from None
    plate = LabelledPlate((left, top, right, bottom), np.roll(points, 2, axis=0), text)
    return Photograph(path=path, plates=(plate,))


def _ccpd_text(indices: str) -> str:
    """The text that `10_2_5_22_31_31_27` spells.

    Raises:
        ValueError: it spells none.
    """
    characters = []
    for place, index in enumerate(map(int, indices.split("_"))):
        known = (_PROVINCES, _OFFICES, _SERIAL)[min(place, 2)]
        if not 0 <= index < len(known):
            raise ValueError
        characters.append(known[index])
    return "".join(characters)
