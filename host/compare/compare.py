"""Two sides → what differs, how sure that is, and which conditions it meets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec
import numpy as np

from device_runtime.errors import FatalError
from device_runtime.schema import Strict
from device_runtime.timing import STAGES
from host.compare.condition import ACCURACY, QUANTILES, Condition
from host.compare.side import Side
from host.compare.stats import (
    CONFIDENCE,
    Ratio,
    independent_ratio,
    least_discordant,
    mcnemar,
    needed,
    paired_ratio,
    quantile,
    values_ratio,
)

Verdict = Literal["grew", "shrank", "no change", "cannot be told"]


class Row(Strict, frozen=True, kw_only=True):
    """One metric of both.

    Attributes:
        metric: as in `--fail-if`.
        unit: of `a` and `b`.
        change: b / a - 1; of accuracy b - a.
        low, high: its 95 % confidence interval; None where it is exact, or not known.
        p: of McNemar's exact test; None elsewhere.
        n: samples on the side that has fewer; of accuracy plates that both were shown.
        runs: of the side that has fewer; 0 where it is not about runs.
        more: as many more samples would tell a change of the resolution; 0 where there are enough.
    """

    metric: str
    unit: str
    a: float
    b: float
    change: float
    low: float | None = None
    high: float | None = None
    p: float | None = None
    n: int
    runs: int = 0
    more: int = 0
    verdict: Verdict


class Comparison(Strict, frozen=True, kw_only=True):
    """What two sides have in common.

    Attributes:
        a, b: names.
        notes: why something is not compared, or less than it seems.
    """

    a: str
    b: str
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()


DECISIVE = "total.p50"
"""What runs have to be long enough for; short stages beside it may not be told."""
LEAST_RUNS = 5
"""Of each side, before a condition is decided: another process alone may take a tenth longer."""


@dataclass(frozen=True)
class Met:
    """A condition that holds, and the row that says so."""

    condition: Condition
    row: Row


def compare(a: Side, b: Side, resolution: float, *, paired: bool) -> Comparison:
    """Everything that both sides know.

    Args:
        resolution: a change of latency that has to be told from none, as a share.
        paired: their runs were made in turns.
    """
    rows = [*_stage_rows(a, b, resolution, paired), *_run_rows(a, b, resolution, paired), *_size_rows(a, b)]
    notes = list(_notes(a, b))
    if (accuracy := _accuracy(a, b)) is not None:
        rows.append(accuracy)
    return Comparison(a=a.name, b=b.name, rows=tuple(rows), notes=tuple(notes))


def met(comparison: Comparison, conditions: Sequence[Condition]) -> list[Met]:
    """The conditions that hold.

    A change has to be larger than the condition says, and to be told from none.

    Raises:
        FatalError: one is about what was not compared, or there are too few samples to tell.
    """
    rows = {row.metric: row for row in comparison.rows}
    found = []
    for condition in conditions:
        row = rows.get(condition.metric)
        if row is None:
            raise FatalError(
                f"--fail-if {condition.text!r}",
                f"{condition.metric} is not known of both; they have {', '.join(rows)}",
                "leave it out, or name what has it",
            )
        if 0 < row.runs < LEAST_RUNS:
            more = LEAST_RUNS - row.runs
            raise FatalError(
                f"--fail-if {condition.text!r}",
                f"{row.runs} run{'s' * (row.runs > 1)} a side cannot tell what differs from run to run",
                f"measure {more} more of each, and name the folder of their reports",
            )
        more = _more(row, abs(condition.change))
        if more:
            what = "plates" if row.metric == ACCURACY else "samples a side"
            raise FatalError(
                f"--fail-if {condition.text!r}",
                f"{row.n} {what} are too few to tell such a change from none",
                f"measure {more} more{'' if row.metric == ACCURACY else ': --rounds, --inferences'}",
            )
        if condition.holds(row.change) and row.verdict in ("grew", "shrank"):
            found.append(Met(condition, row))
    return found


def refuse_too_short(comparison: Comparison, resolution: float) -> None:
    """Refuse a comparison that cannot tell a change of a whole frame's median at the resolution.

    Raises:
        FatalError: naming how many more samples it takes.
    """
    worst = next((row for row in comparison.rows if row.metric == DECISIVE), None)
    if worst is not None and worst.more:
        assert worst.low is not None and worst.high is not None
        told = f"±{50 * (worst.high - worst.low):.1f} %"
        raise FatalError(
            f"{comparison.a} and {comparison.b}",
            f"{worst.metric}: {worst.n} samples a side tell {told} from none, not ±{100 * resolution:g} %",
            f"measure {worst.more} more of each (--rounds, --inferences), or give a larger --resolution",
        )


def _more(row: Row, resolution: float) -> int:
    """As many more samples tell a change of *resolution* from none; 0 where there are enough."""
    if row.metric == ACCURACY:
        return max(0, math.ceil(least_discordant() / resolution) - row.n)
    if row.low is None or row.high is None:
        return 0
    return max(0, needed(row.n, (row.high - row.low) / 2, resolution) - row.n)


def _stage_rows(a: Side, b: Side, resolution: float, paired: bool) -> list[Row]:
    rows = []
    for stage in STAGES:
        ours = [report.stages[stage] for report in a.reports if stage in report.stages]
        theirs = [report.stages[stage] for report in b.reports if stage in report.stages]
        if not ours or not theirs:
            continue
        n = min(sum(run.n for run in side) for side in (ours, theirs))
        for name, p in QUANTILES.items():
            values = [float(np.median([quantile(run, p) for run in side])) for side in (ours, theirs)]
            if not all(values):
                continue
            ratio = (paired_ratio if paired and len(ours) == len(theirs) else independent_ratio)(
                ours, theirs, p
            )
            row = Row(
                metric=f"{stage}.{name}",
                unit="ms",
                a=values[0],
                b=values[1],
                change=ratio.value - 1,
                low=ratio.low - 1,
                high=ratio.high - 1,
                n=n,
                runs=min(len(ours), len(theirs)),
                verdict=_verdict(ratio, resolution),
            )
            rows.append(msgspec.structs.replace(row, more=_more(row, resolution)))
    return rows


def _verdict(ratio: Ratio, resolution: float) -> Verdict:
    if ratio.is_change:
        return "grew" if ratio.value > 1 else "shrank"
    return "no change" if ratio.half_width <= resolution else "cannot be told"


def _run_rows(a: Side, b: Side, resolution: float, paired: bool) -> list[Row]:
    """Metrics that each run has one number of; an interval needs several runs."""
    rows = []
    for metric, unit, field in (
        ("throughput", "frames/s", "throughput"),
        ("memory", "MiB", "peak_rss_mb"),
    ):
        ours, theirs = (
            [value for report in side.reports if (value := getattr(report, field))] for side in (a, b)
        )
        if not ours or not theirs:
            continue
        ratio = values_ratio(ours, theirs, paired=paired and len(ours) == len(theirs))
        n = min(len(ours), len(theirs))
        several = n > 1
        rows.append(
            Row(
                metric=metric,
                unit=unit,
                a=float(np.median(ours)),
                b=float(np.median(theirs)),
                change=ratio.value - 1,
                low=ratio.low - 1 if several else None,
                high=ratio.high - 1 if several else None,
                n=n,
                runs=n,
                verdict=_verdict(ratio, resolution) if several else "cannot be told",
            )
        )
    return rows


def _size_rows(a: Side, b: Side) -> list[Row]:
    """Bytes, which are exact."""
    rows = []
    for metric, ours, theirs in (("size", a.size, b.size), ("model", a.model, b.model)):
        if ours and theirs:
            change = theirs / ours - 1
            verdict: Verdict = "no change" if not change else "grew" if change > 0 else "shrank"
            rows.append(
                Row(metric=metric, unit="bytes", a=ours, b=theirs, change=change, n=1, verdict=verdict)
            )
    return rows


def _accuracy(a: Side, b: Side) -> Row | None:
    if a.plates is None or b.plates is None:
        return None
    both = sorted(set(a.plates) & set(b.plates))
    if not both:
        return None
    only_a = sum(a.plates[name] and not b.plates[name] for name in both)
    only_b = sum(b.plates[name] and not a.plates[name] for name in both)
    p = mcnemar(only_a, only_b)
    ours, theirs = (sum(side[name] for name in both) / len(both) for side in (a.plates, b.plates))
    told = p < 1 - CONFIDENCE
    verdict: Verdict = "no change" if not told else "grew" if theirs > ours else "shrank"
    return Row(
        metric=ACCURACY,
        unit="share",
        a=ours,
        b=theirs,
        change=theirs - ours,
        p=p,
        n=len(both),
        verdict=verdict,
    )


def _notes(a: Side, b: Side) -> list[str]:
    notes = [
        f"{side.name} {side.obstacle}: no times of it"
        for side in (a, b)
        if side.obstacle and not side.reports
    ]
    if not (a.reports and b.reports):
        return notes
    one, other = a.reports[0], b.reports[0]
    for what, ours, theirs in (
        ("board", one.board.model or one.board.cpu, other.board.model or other.board.cpu),
        ("clock governor", one.board.governor, other.board.governor),
        ("threads", one.run.threads, other.run.threads),
        ("source", one.run.source, other.run.source),
    ):
        if ours != theirs:
            notes.append(f"not the same {what}: {ours} and {theirs}")
    if a.plates is None and (one.accuracy or other.accuracy):
        notes.append("reports do not say which plates were read right: give bundles to compare accuracy")
    if min(len(a.reports), len(b.reports)) == 1:
        notes.append("one run each: what differs from run to run is in no interval")
    return notes
