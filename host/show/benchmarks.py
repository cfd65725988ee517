"""Benchmark reports side by side: runs, latency, size against speed, what changed, accuracy."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from device_runtime.report.report import Report
from host.show import accuracy, changes, latency, size
from host.show.markup import html
from host.show.section import Section, Tile
from host.show.table import Cell, Table


def benchmark_sections(
    reports: Sequence[Report], labels: Sequence[str], scores: Sequence[accuracy.Score] = ()
) -> Iterable[Section]:
    """Runs, latency, size against speed, what changed, accuracy.

    Args:
        reports: in the order of `ordered`.
        labels: their names.
        scores: of evaluations, beside what boards counted themselves.
    """
    stages = [report.stages for report in reports]
    yield Section(
        name="runs",
        title="Runs",
        words="Milliseconds from reading the image to the texts of all plates on it, one frame at a "
        "time; fastest first.",
        tables=[_summary(reports, labels)],
    )
    yield Section(
        name="latency",
        title="Latency of every stage",
        charts=[latency.boxes("stages", "Stages of a frame", stages, labels)],
    )
    yield Section(
        name="steadiness",
        title="How steady it is",
        words="Time within which a share of the frames is done, the slowest stretched out. A "
        "flat line is a steady stage. Each time axis is logarithmic and its own.",
        legend=list(enumerate(labels)) if len(labels) > 1 else (),
        charts=[
            latency.curves(f"curve-{i}", stage, stages, labels)
            for i, stage in enumerate(sorted(latency.stages_of(stages), key=lambda stage: stage != "total"))
        ],
    )
    bundles = size.sized(reports, labels)
    if len({(bundle.model_bytes, bundle.infer_ms) for bundle in bundles}) > 1:
        yield Section(name="sizes", title="Size against speed", charts=[size.pareto(bundles)])
    if changed := changes.changes(reports):
        yield Section(
            name="changes",
            title="What changed since the last bundle",
            words="The latest run of each board beside its latest with another bundle. Two runs of the same "
            "bundle differ by some per cent, too; lpr-host compare says what is more than chance.",
            changes=changed,
        )
    if found := [*accuracy.of_reports(reports, labels), *scores]:
        yield Section(name="accuracy-section", title="Accuracy", charts=[accuracy.chart(found)])


def headline(reports: Sequence[Report], labels: Sequence[str]) -> list[Tile]:
    """What matters most, of reports in the order of `ordered`."""
    best, label = reports[0], labels[0]
    total = best.stages["total"]
    tiles = [
        Tile(what="fastest median", value=f"{total.p50_ms:.2f} ms", note=label),
        Tile(what="its 99th percentile", value=f"{total.p99_ms:.2f} ms", note=f"of {total.n} frames"),
        Tile(
            what="its throughput", value=f"{best.throughput:.0f} /s", note="wall clock, one frame at a time"
        ),
    ]
    scored = [(r.accuracy, name) for r, name in zip(reports, labels, strict=True) if r.accuracy]
    if scored:
        found, name = max(scored, key=lambda pair: pair[0].accuracy)
        tiles.append(
            Tile(
                what="best accuracy",
                value=f"{found.accuracy:.1%}",
                note=f"{found.correct} of {found.n}, {name}",
            )
        )
    return tiles


def doubts(report: Report) -> str:
    """What makes its timings doubtful; empty where nothing does."""
    board = report.board
    found: Iterable[str | None] = (
        f"throttling: {board.throttling}" if board.throttling not in (None, "none") else None,
        f"governor {board.governor}" if board.governor in ("powersave", "ondemand", "schedutil") else None,
        f"only {report.run.n} frames" if report.run.n < 100 else None,
        f"{report.run.unreadable} unreadable" if report.run.unreadable else None,
    )
    return "; ".join(filter(None, found))


def _summary(reports: Sequence[Report], labels: Sequence[str]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for report, label in zip(reports, labels, strict=True):
        total, found, doubt = report.stages["total"], report.accuracy, doubts(report)
        infer = report.stages.get("infer")
        rows.append(
            (
                html('{}<span class="doubt">{}</span>', label, doubt) if doubt else label,
                f"{report.run.n}",
                f"{report.run.n if report.run.plates is None else report.run.plates}",
                f"{total.p50_ms:.2f}",
                f"{total.p90_ms:.2f}",
                f"{total.p99_ms:.2f}",
                "–" if infer is None else f"{infer.p50_ms:.2f}",
                f"{report.throughput:.1f}",
                "–" if report.peak_rss_mb is None else f"{report.peak_rss_mb:.0f}",
                "–" if found is None else f"{found.accuracy:.3f}",
                "–" if found is None else f"{found.accuracy_without_province:.3f}",
            )
        )
    return Table(
        caption="Runs; latencies in milliseconds",
        headings=(
            *(
                "run",
                "frames",
                "plates",
                "p50",
                "p90",
                "p99",
                "infer p50",
                "frames/s",
                "peak MiB",
                "accuracy",
            ),
            "without province",
        ),
        rows=rows,
    )
