"""How long each stage takes, as distributions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from device_runtime.report.health import Spread
from device_runtime.timing import STAGES, Distribution
from host.show.chart import PERCENTILES, Axis, Box, Boxes, Chart, Group, Line, Lines, percentile_place
from host.show.table import Table

STAGE_NAMES = {
    "read": "Read",
    "locate": "Locate",
    "rectify": "Rectify",
    "preprocess": "Preprocess",
    "infer": "Infer",
    "decode": "Decode",
    "total": "Total, from reading to text",
    "follow": "Follow",
    "sinks": "Hand over",
    "delay": "Age of a frame when its events were told",
}

MILLISECONDS = Axis(label="milliseconds, logarithmic", scale="log")
_LEAST_MS = 1e-5
"""As reports round: a logarithmic axis has no 0."""


def stage_name(stage: str) -> str:
    """*stage* in words; stages that a newer board knows keep their names."""
    return STAGE_NAMES.get(stage, stage)


def stages_of(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """All that any run went through, in order, those a newer board knows last."""
    found = dict.fromkeys(stage for run in runs for stage in run)
    return [stage for stage in STAGES if stage in found] + [stage for stage in found if stage not in STAGES]


def boxes(name: str, title: str, runs: Sequence[Mapping[str, Distribution]], labels: Sequence[str]) -> Chart:
    """All stages, a box for each run."""
    stages = stages_of(runs)
    return Chart(
        name=name,
        title=title,
        summary="Box: the middle half of the frames, with the median. Line: from the fastest to the 99th "
        "percentile. Dot: the slowest.",
        drawing=Boxes(
            axis=MILLISECONDS,
            groups=[
                Group(
                    name=stage_name(stage),
                    boxes=[
                        _box(label, color, run[stage])
                        for color, (run, label) in enumerate(zip(runs, labels, strict=True))
                        if stage in run
                    ],
                )
                for stage in stages
            ],
        ),
        table=stage_table("Latency of each stage, milliseconds", runs, labels),
        legend=list(enumerate(labels)) if len(labels) > 1 else (),
        wide=True,
    )


def spreads(name: str, stages: Mapping[str, Spread]) -> Chart:
    """All stages of a health report, which knows three percentiles and the longest of each."""
    shown = [(stage_name(stage), stages[stage]) for stage in stages_of([stages]) if stages[stage].n]
    return Chart(
        name=name,
        title="Stages of a frame",
        summary="Dot: the median. Line: to the 99th percentile. Small dot: the slowest.",
        drawing=Boxes(
            axis=MILLISECONDS,
            groups=[
                Group(
                    name=words,
                    boxes=[
                        Box(
                            name="",
                            color=0,
                            low=max(s.p50_ms, _LEAST_MS),
                            middle=max(s.p50_ms, _LEAST_MS),
                            high=max(s.p99_ms, _LEAST_MS),
                            most=max(s.max_ms, _LEAST_MS),
                            says=f"p50 {s.p50_ms:.3g}, p90 {s.p90_ms:.3g}, p99 {s.p99_ms:.3g} ms",
                        )
                    ],
                )
                for words, s in shown
            ],
        ),
        table=Table(
            caption="Latency of each stage, milliseconds",
            headings=("stage", "frames", "p50", "p90", "p99", "slowest"),
            rows=[
                (words, f"{s.n}", *(f"{ms:.3f}" for ms in (s.p50_ms, s.p90_ms, s.p99_ms, s.max_ms)))
                for words, s in shown
            ],
        ),
        wide=True,
    )


def curves(name: str, stage: str, runs: Sequence[Mapping[str, Distribution]], labels: Sequence[str]) -> Chart:
    """One stage: the time within which a share of the frames is done, a line for each run that has it."""
    with_stage = [(i, run[stage], label) for i, (run, label) in enumerate(zip(runs, labels, strict=True))
                  if stage in run]  # fmt: skip
    return Chart(
        name=name,
        title=stage_name(stage),
        summary="; ".join(
            f"{label}: half within {d.p50_ms:.3g} ms, 99 % within {d.p99_ms:.3g} ms"
            for _, d, label in with_stage[:2]
        )
        + (f"; {len(with_stage) - 2} more in the table." if len(with_stage) > 2 else "."),
        drawing=Lines(
            x=[percentile_place(p) for p in range(101)],
            x_axis=PERCENTILES,
            y_axis=Axis(label="ms", scale="log"),
            lines=[
                Line(name=label, color=i, values=[max(ms, _LEAST_MS) for ms in d.percentiles_ms])
                for i, d, label in with_stage
            ],
            sync="percentiles",
        ),
        table=Table(
            caption=f"{stage_name(stage)}: milliseconds within which a share of the frames was done",
            headings=("run", "frames", "fastest", "25 %", "50 %", "75 %", "90 %", "95 %", "99 %", "slowest"),
            rows=[
                (label, f"{d.n}", *(f"{d.percentiles_ms[p]:.3f}" for p in (0, 25, 50, 75, 90, 95, 99, 100)))
                for _, d, label in with_stage
            ],
        ),
    )


def stage_table(caption: str, runs: Sequence[Mapping[str, Distribution]], labels: Sequence[str]) -> Table:
    """Percentiles of each stage and run."""
    rows = [
        (
            stage_name(stage),
            label,
            f"{d.n}",
            *(f"{ms:.3f}" for ms in (d.min_ms, d.p50_ms, d.p90_ms, d.p99_ms, d.max_ms)),
        )
        for stage in stages_of(runs)
        for run, label in zip(runs, labels, strict=True)
        if (d := run.get(stage))
    ]
    headings = ("stage", "run", "frames", "fastest", "p50", "p90", "p99", "slowest")
    if len(labels) == 1:
        return Table(
            caption=caption, headings=headings[:1] + headings[2:], rows=[row[:1] + row[2:] for row in rows]
        )
    return Table(caption=caption, headings=headings, rows=rows, words=frozenset({1}))


def _box(label: str, color: int, d: Distribution) -> Box:
    return Box(
        name=label,
        color=color,
        low=max(d.min_ms, _LEAST_MS),
        first=max(d.percentiles_ms[25], _LEAST_MS),
        middle=max(d.p50_ms, _LEAST_MS),
        third=max(d.percentiles_ms[75], _LEAST_MS),
        high=max(d.p99_ms, _LEAST_MS),
        most=max(d.max_ms, _LEAST_MS),
        says=f"p50 {d.p50_ms:.3g}, p90 {d.p90_ms:.3g}, p99 {d.p99_ms:.3g}, most {d.max_ms:.3g} ms of {d.n}",
    )
