"""Labelled crops from folders and tables."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from device_runtime.errors import FatalError
from device_runtime.sources.files import image_files, label_of
from device_runtime.sources.image import read_image
from lprnet.network.alphabet import Alphabet
from lprnet.plates.pixels import Image

Sample = tuple[Image, str]
"""A crop, uint8[H,W,3] BGR, and the text on its plate."""
MAX_LABEL = 9
"""Characters: 18 CTC steps hold 9 characters even when all of them are equal."""


@dataclass(frozen=True)
class Labelled:
    """An image file and the text on its plate."""

    path: Path
    text: str

    @property
    def sample(self) -> Sample:
        """The image, read, and its text.

        Raises:
            FatalError: the file is missing or no image.
        """
        return self.read(), self.text

    def read(self) -> Image:
        """uint8[H,W,3] BGR.

        Raises:
            FatalError: the file is missing or no image.
        """
        return read_image(self.path)


def from_folder(folder: Path, alphabet: Alphabet | None = None) -> list[Labelled]:
    """Images of *folder*, sorted by name; the name up to the first `_`, `-` or the suffix is the label.

    What *alphabet* can read, if that is `_` or `-`, belongs to the label.

    Raises:
        FatalError: no such folder, or no images in it.
    """
    if not folder.is_dir():
        raise FatalError(str(folder), "no such folder", "give a folder of labelled images")
    characters = alphabet.readable if alphabet else ()
    return [Labelled(path, label_of(path, characters)) for path in image_files([folder])]


def from_csv(table: Path, folder: Path) -> list[Labelled]:
    """Rows `file,label` of *table*, files relative to *folder*; a header row with these names is skipped.

    Raises:
        FatalError: no such table or file, a row without exactly two fields, or no rows.
    """
    try:
        rows = list(csv.reader(table.read_text(encoding="utf-8-sig").splitlines()))
    except (OSError, UnicodeDecodeError) as error:
        raise FatalError(str(table), str(error), "give a UTF-8 CSV file with rows file,label") from None
    labelled = []
    for number, row in enumerate(rows, 1):
        if not row or (number == 1 and [c.strip().lower() for c in row] == ["file", "label"]):
            continue
        if len(row) != 2 or not row[0].strip() or not row[1].strip():
            raise FatalError(f"{table}:{number}", "not two fields", "write rows as file,label")
        path = folder / row[0].strip()
        if not path.is_file():
            raise FatalError(f"{table}:{number}", f"no file {path}", "correct the path or remove the row")
        labelled.append(Labelled(path, row[1].strip()))
    if not labelled:
        raise FatalError(str(table), "no rows", "write rows as file,label")
    return labelled


def check_labels(items: list[Labelled], alphabet: Alphabet) -> None:
    """Refuse labels that the network cannot learn.

    Raises:
        FatalError: a label has a character that is no class, or too many; it names the first one.
    """
    for item in items:
        if unknown := alphabet.unknown(item.text):
            raise FatalError(
                f"label of {item.path.name}",
                f"'{min(unknown)}' is not in the alphabet",
                "correct the label, or give an --alphabet with the character",
            )
        if not 1 <= len(item.text) <= MAX_LABEL:
            raise FatalError(
                f"label of {item.path.name}",
                f"{len(item.text)} characters",
                f"labels have 1 to {MAX_LABEL} characters",
            )
