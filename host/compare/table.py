"""A comparison as rows of a table."""

from __future__ import annotations

from host.compare.compare import Comparison, Row
from host.compare.condition import ACCURACY


def rows(comparison: Comparison, everything: bool = False) -> list[tuple[str, ...]]:
    """Metric, both values, change, interval, samples, verdict.

    Args:
        everything: p90 and p99, too.
    """
    shown = [row for row in comparison.rows if everything or not row.metric.endswith((".p90", ".p99"))]
    return [
        (
            row.metric,
            _value(row, row.a),
            _value(row, row.b),
            _change(row),
            _interval(row),
            str(row.n),
            _verdict(row),
        )
        for row in shown
    ]


def _value(row: Row, value: float) -> str:
    if row.unit == "share":
        return f"{value:.4f}"
    if row.unit == "bytes":
        return f"{value:,.0f}"
    return f"{value:.4g} {row.unit}"


def _change(row: Row) -> str:
    return f"{100 * row.change:+.2f} {'pp' if row.metric == ACCURACY else '%'}"


def _interval(row: Row) -> str:
    if row.p is not None:
        return f"p = {row.p:.3g}"
    if row.low is None or row.high is None:
        return ""
    return f"{100 * row.low:+.1f} … {100 * row.high:+.1f} %"


def _verdict(row: Row) -> str:
    return row.verdict + (f", {row.more} more" if row.more and row.verdict == "cannot be told" else "")
