"""Tables as pages show them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

Cell = str | Markup
"""Text, or HTML that a template made."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows with a heading each; the first column is that heading.

    Attributes:
        caption: what the table says, read out first by a screen reader.
        headings: one a column, the rows' headings' own included.
        rows: as many cells each.
        words: columns that are words, besides the first; all others are numbers, set to the right.
    """

    caption: str
    headings: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    words: frozenset[int] = frozenset()
