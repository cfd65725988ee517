"""What was counted on folders of photographs, as rows of a table and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict

from lprnet.evaluation.scenes import Figures, summarize
from lprnet.evaluation.scenes_folder import Folder

HEADINGS = (
    "photographs",
    "width, px",
    "n",
    "found",
    "read",
    "accuracy",
    "without province",
    "misread",
    "false a photo",
    "of these read",
    "corner error",
)
NUMBERS = HEADINGS[2:]
"""The columns that are set to the right."""


def rows(folders: Iterable[Folder]) -> list[tuple[str, ...]]:
    """For every folder a row of all plates, then one for each class of widths."""
    lines = []
    for folder in folders:
        result = summarize(folder.outcomes)
        lines.append((f"{folder.name} ({result.photographs})", "all", *_cells(result.total)))
        lines += [("", width, *_cells(figures)) for width, figures in result.by_width.items()]
    return lines


def of_pieces(folders: Iterable[Folder]) -> list[str]:
    """A line for every folder of which pieces were read: how many gave a text."""
    return [
        f"{folder.name}: {counted.as_frames} of {counted.n} pieces without a plate gave a text, "
        f"{counted.as_crops} where they were taken for plates"
        for folder in folders
        if (counted := folder.false_readings) is not None
    ]


def to_json(folder: Folder) -> str:
    """One line: the folder's name, `Figures` of all plates, `by_width`, and `pieces` where they were read."""
    result = summarize(folder.outcomes)
    values = {"dataset": folder.name, "photographs": result.photographs, **asdict(result.total)}
    values["by_width"] = {width: asdict(figures) for width, figures in result.by_width.items()}
    if folder.false_readings is not None:
        values["pieces"] = asdict(folder.false_readings)
    return json.dumps(values, ensure_ascii=False)


def _cells(figures: Figures) -> tuple[str, ...]:
    known = figures.labelled > 0
    return (
        str(figures.n),
        str(figures.found),
        f"{figures.read}" if figures.labelled == figures.n else f"{figures.read} of {figures.labelled}",
        _number(figures.accuracy if known else None),
        _number(figures.accuracy_without_province if known else None),
        str(figures.misread),
        _number(figures.false_per_photo),
        _number(figures.false_read_per_photo),
        _number(figures.corner_error),
    )


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
