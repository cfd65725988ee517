"""How many plates are found and read right, with how sure that is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from device_runtime.errors import FatalError
from device_runtime.report.report import Report
from device_runtime.schema import Tolerant
from host.show.chart import Axis, Box, Boxes, Chart, Group
from host.show.table import Table

_Z = 1.959964
"""Of the normal distribution: 95 % lie within so many standard deviations."""
_MOST_BYTES = 16 << 20


class Evaluated(Tolerant, frozen=True, kw_only=True):
    """A line of `lpr-host eval --json`: crops, or where `photographs` is set, photographs.

    Attributes:
        n: labelled plates.
        correct: of crops, read right.
        photographs, found, labelled, read: of photographs; how many there are, plates that were found, those
            whose text is known, and those read as it says.
        misread: plates on which another text was read.
        false_per_photo: boxes a photograph that meet no label.
    """

    dataset: str
    n: int
    correct: int | None = None
    photographs: int | None = None
    found: int | None = None
    labelled: int | None = None
    read: int | None = None
    accuracy: float | None
    accuracy_without_province: float | None = None
    misread: int | None = None
    false_per_photo: float | None = None


@dataclass(frozen=True, kw_only=True)
class Score:
    """Plates read right, of one bundle on one set.

    Attributes:
        name: of the bundle or run.
        dataset: of the set.
        n, right: plates whose text is known, and those of them that were read as it says.
        found: share of the plates that was found; None of crops.
        without_province: share read right where the first character does not count.
        false_per_photo: of photographs.
    """

    name: str
    dataset: str
    n: int
    right: int
    found: float | None = None
    without_province: float | None = None
    false_per_photo: float | None = None


def read_evaluation(path: Path) -> list[Score]:
    """What `lpr-host eval --json` printed into the file *path*, named as the file.

    Raises:
        FatalError: it cannot be read, or holds something else.
    """
    todo = "name what lpr-host eval --json printed"
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise FatalError(str(path), f"cannot be read ({error.strerror})", todo) from None
    if len(data) > _MOST_BYTES:
        raise FatalError(str(path), f"is larger than {_MOST_BYTES >> 20} MiB", todo)
    scores = []
    for number, line in enumerate(data.splitlines(), 1):
        if line.strip():
            try:
                found = msgspec.json.decode(line, type=Evaluated)
            except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
                raise FatalError(f"{path}, line {number}", f"is no evaluation ({error})", todo) from None
            scores.append(_score(path.stem, found))
    if not scores:
        raise FatalError(str(path), "is empty", todo)
    return scores


def of_reports(reports: Sequence[Report], labels: Sequence[str]) -> list[Score]:
    """What boards counted on labelled images."""
    return [
        Score(
            name=label,
            dataset="labelled images on the board",
            n=report.accuracy.n,
            right=report.accuracy.correct,
            without_province=report.accuracy.accuracy_without_province,
        )
        for report, label in zip(reports, labels, strict=True)
        if report.accuracy
    ]


def wilson(right: int, n: int) -> tuple[float, float]:
    """Where the share that *right* of *n* were drawn from lies, with 95 % confidence (Wilson, 1927)."""
    if not n:
        return 0.0, 1.0
    share, square = right / n, _Z * _Z / n
    middle = (share + square / 2) / (1 + square)
    half = _Z / (1 + square) * math.sqrt(share * (1 - share) / n + square / n / 4)
    return max(middle - half, 0.0), min(middle + half, 1.0)


def chart(scores: Sequence[Score]) -> Chart:
    """Shares with their confidence intervals, by set; at least one score."""
    names = list(dict.fromkeys(score.name for score in scores))
    sets = list(dict.fromkeys(score.dataset for score in scores))
    return Chart(
        name="accuracy",
        title="Plates read right",
        summary="Dot: share of whole plates. Line: where the true share lies, with 95 % confidence.",
        drawing=Boxes(
            axis=Axis(label="% of plates"),
            groups=[
                Group(
                    name=dataset,
                    boxes=[_interval(s, names.index(s.name)) for s in scores if s.dataset == dataset],
                )
                for dataset in sets
            ],
        ),
        table=Table(
            caption="Plates read right, %, and 95 % confidence interval",
            headings=(
                "set",
                "of",
                "plates",
                "right",
                "from",
                "to",
                "without province",
                "found",
                "false a photo",
            ),
            rows=[_row(score) for score in scores],
            words=frozenset({1}),
        ),
        legend=list(enumerate(names)) if len(names) > 1 else (),
        wide=True,
    )


def _score(name: str, found: Evaluated) -> Score:
    if found.photographs is None:
        return Score(
            name=name,
            dataset=found.dataset,
            n=found.n,
            right=found.correct or 0,
            without_province=found.accuracy_without_province,
        )
    return Score(
        name=name,
        dataset=f"{found.dataset}, photographs",
        n=found.labelled or 0,
        right=found.read or 0,
        found=(found.found or 0) / found.n if found.n else None,
        without_province=found.accuracy_without_province,
        false_per_photo=found.false_per_photo,
    )


def _interval(score: Score, color: int) -> Box:
    low, high = wilson(score.right, score.n)
    share = score.right / score.n if score.n else 0.0
    return Box(
        name=score.name,
        color=color,
        low=low * 100,
        middle=share * 100,
        high=high * 100,
        says=f"{share:.1%}, {score.right} of {score.n}; {low:.1%} to {high:.1%}",
    )


def _row(score: Score) -> tuple[str, ...]:
    low, high = wilson(score.right, score.n)
    return (
        score.dataset,
        score.name,
        f"{score.n}",
        f"{score.right / score.n:.1%}" if score.n else "–",
        f"{low:.1%}",
        f"{high:.1%}",
        _percent(score.without_province),
        _percent(score.found),
        "–" if score.false_per_photo is None else f"{score.false_per_photo:.2f}",
    )


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.1%}"
