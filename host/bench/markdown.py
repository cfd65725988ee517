"""Tables in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def markdown_table(headings: Sequence[str], rows: Iterable[Sequence[str]], left: int = 1) -> list[str]:
    """The table's lines; the first *left* columns are set to the left, the others to the right."""
    rule = ["---"] * left + ["---:"] * (len(headings) - left)
    return [f"| {' | '.join(line)} |" for line in (headings, rule, *rows)]


def number(value: float | None, digits: int) -> str:
    """*value* with *digits* after the point; a dash for None."""
    return "–" if value is None else f"{value:.{digits}f}"


def integer(value: int | None) -> str:
    """*value* with commas between the thousands; a dash for None."""
    return "–" if value is None else f"{value:,}"
