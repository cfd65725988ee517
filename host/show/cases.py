"""Cases, version 1: plates that an evaluation got wrong, each with a picture of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from device_runtime.schema import Format, Tolerant
from host.show.pictures import Picture, inside

CASES_VERSION = 1

Fault = Literal["missed", "misread", "false"]


class Case(Tolerant, frozen=True, kw_only=True):
    """One of them.

    Attributes:
        dataset: the folder it comes from.
        file: the image.
        fault: not found, read as something else, or found where no label is.
        truth: what the label says; empty where there is none.
        read: what was read; empty where nothing was.
        confidence: of that.
        width, height: of the picture, px.
        jpeg: the plate and a little around it.
    """

    dataset: str
    file: str
    fault: Fault
    truth: str = ""
    read: str = ""
    confidence: float | None = None
    width: int
    height: int
    jpeg: bytes


class Cases(Tolerant, frozen=True, kw_only=True):
    """The worst of an evaluation, worst first.

    Attributes:
        cases_version: of this schema.
        bundle: name of the bundle's folder.
    """

    cases_version: int = CASES_VERSION
    bundle: str
    cases: tuple[Case, ...]


CASES = Format(
    schema=Cases,
    what="a file of cases",
    version=CASES_VERSION,
    version_key="cases_version",
    todo="name what lpr-host eval --cases wrote",
    outdated="update lpr-host",
)
"""How they are read and written."""

_WORDS = {"missed": "not found", "misread": "read wrong", "false": "no label here"}


def pictures(found: Cases, most: int) -> list[Picture]:
    """The first *most* cases, as pictures."""
    return [
        Picture(
            address=inside(case.jpeg),
            width=case.width,
            height=case.height,
            alt=f"{_WORDS[case.fault]}: {case.truth or 'no plate'}",
            title=case.read or "–",
            caption=_caption(case),
        )
        for case in found.cases[:most]
    ]


def _caption(case: Case) -> str:
    parts = [_WORDS[case.fault]]
    if case.truth:
        parts.append(f"is {case.truth}")
    if case.confidence is not None and case.read:
        parts.append(f"{case.confidence:.1%} sure")
    return ", ".join((*parts, f"{case.dataset}/{case.file}"))


def by_fault(found: Sequence[Cases]) -> dict[str, int]:
    """How many of each."""
    counts: dict[str, int] = {}
    for each in found:
        for case in each.cases:
            counts[case.fault] = counts.get(case.fault, 0) + 1
    return counts
