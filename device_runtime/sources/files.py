"""Image files and folders."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from pathlib import Path

from device_runtime.errors import FatalError
from device_runtime.sources.frame import Frame, Unreadable
from device_runtime.sources.image import read_image
from device_runtime.timing import StageClock

SUFFIXES = frozenset((".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"))
"""What is taken for an image in a folder; a file that is named itself may have any."""


def image_files(paths: Sequence[Path]) -> list[Path]:
    """Files as given, and of each folder the images in it by name (not in folders below).

    Raises:
        FatalError: a folder without images.
    """
    files: list[Path] = []
    for path in paths:
        if not path.is_dir():
            files.append(path)
            continue
        try:
            found = sorted(p for p in path.iterdir() if p.suffix.lower() in SUFFIXES)
        except OSError as error:
            raise FatalError(
                str(path), f"cannot be read ({error.strerror})", "check its permissions"
            ) from None
        if not found:
            raise FatalError(str(path), "holds no images", f"put {', '.join(sorted(SUFFIXES))} files there")
        files += found
    return files


def label_of(path: Path, characters: Container[str] = ()) -> str:
    """The label in a file name, up to the first `-` or `_`, as LPRNet's data sets name their files.

    Where plates may have one of these *characters*, it belongs to the label and does not end it.
    """
    label = path.stem
    for mark in "-_":
        if mark not in characters:
            label = label.split(mark)[0]
    return label


def read_files(files: Iterable[Path]) -> Iterator[Frame | Unreadable]:
    """The image of each file, or why it is none."""
    for path in files:
        clock = StageClock()
        try:
            image = read_image(path)
        except FatalError as error:
            yield Unreadable(str(path), error)
            continue
        clock.lap("read")
        yield Frame(source=str(path), image=image, read_ms=clock.ms["read"], path=path)
