"""How a report is named and ordered among others."""

from __future__ import annotations

from collections.abc import Sequence

from device_runtime.report.report import Report


def ordered(reports: Sequence[Report]) -> list[Report]:
    """Fastest first, by the median of the whole."""
    return sorted(reports, key=lambda r: (r.stages["total"].p50_ms, r.created_at))


def board_name(report: Report) -> str:
    """The board's model, or what else is known of it."""
    board = report.board
    return board.model or board.cpu or board.arch or "unknown board"


def names(reports: Sequence[Report]) -> list[str]:
    """One short name each: the board and what sets runs on it apart; numbered where nothing does."""
    plain = [f"{board_name(r)} · {r.bundle.target} {r.bundle.precision} ×{r.run.threads}" for r in reports]
    return [
        name if plain.count(name) == 1 else f"{name} #{plain[: index + 1].count(name)}"
        for index, name in enumerate(plain)
    ]
