"""Reports as one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from device_runtime.report.report import Report
from host.report.gallery import Picture, gallery
from host.report.plot import SERIES_COLORS, STAGES, Bar, Curve, cumulative, stacked
from host.report.series import board_name, names, ordered

_STAGE_NAMES = {
    "read": "Read",
    "locate": "Locate",
    "rectify": "Rectify",
    "preprocess": "Preprocess",
    "infer": "Infer",
    "decode": "Decode",
    "total": "Total, from reading to text",
    "delay": "Age of a frame when its events were told",
    "follow": "Follow",
    "sinks": "Hand over",
}
_CURVES = ("total", "locate", "infer", "read", "rectify", "preprocess", "decode", "delay", "follow", "sinks")


def render(reports: Sequence[Report], pictures: Sequence[Picture] = ()) -> str:
    """HTML text with style, plots and *pictures* inside, for light and dark screens; at least one report."""
    reports = ordered(reports)
    labels = names(reports)
    return _text("page.html").format(
        style=_text("style.css"),
        count=f"{len(reports)} report{'s' if len(reports) > 1 else ''}",
        created=escape(max(report.created_at for report in reports)),
        headline=_headline(reports, labels),
        pictures=_pictures(pictures),
        summary=_summary(reports, labels),
        stages=_stages(reports, labels),
        curves=_curves(reports, labels),
        details="".join(map(_details, reports, labels)),
    )


def _pictures(pictures: Sequence[Picture]) -> str:
    if not pictures:
        return ""
    return (
        "<h2>What was found</h2><p>Each plate's outline and what was read on it.</p>"
        f'<div class="figures pictures">{gallery(pictures)}</div>'
    )


def _text(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def _headline(reports: Sequence[Report], labels: Sequence[str]) -> str:
    best, label = reports[0], labels[0]
    total = best.stages["total"]
    tiles = [
        ("fastest median", f"{total.p50_ms:.2f} ms", label),
        ("its 99th percentile", f"{total.p99_ms:.2f} ms", f"of {total.n} frames"),
        ("its throughput", f"{best.throughput:.0f} /s", "wall clock, one frame at a time"),
    ]
    scored = [(r.accuracy, name) for r, name in zip(reports, labels, strict=True) if r.accuracy]
    if scored:
        accuracy, name = max(scored, key=lambda pair: pair[0].accuracy)
        tiles.append(
            ("best accuracy", f"{accuracy.accuracy:.1%}", f"{accuracy.correct} of {accuracy.n}, {name}")
        )
    return "".join(
        f'<div class="tile"><span>{escape(what)}</span><b>{escape(value)}</b>'
        f"<small>{escape(note)}</small></div>"
        for what, value, note in tiles
    )


def _summary(reports: Sequence[Report], labels: Sequence[str]) -> str:
    headings = (
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
        "no province",
    )
    rows = []
    for index, (report, label) in enumerate(zip(reports, labels, strict=True)):
        total, accuracy = report.stages["total"], report.accuracy
        cells = (
            f"{report.run.n}",
            f"{report.run.n if report.run.plates is None else report.run.plates}",
            f"{total.p50_ms:.2f}",
            f"{total.p90_ms:.2f}",
            f"{total.p99_ms:.2f}",
            f"{report.stages['infer'].p50_ms:.2f}",
            f"{report.throughput:.1f}",
            "–" if report.peak_rss_mb is None else f"{report.peak_rss_mb:.0f}",
            "–" if accuracy is None else f"{accuracy.accuracy:.3f}",
            "–" if accuracy is None else f"{accuracy.accuracy_without_province:.3f}",
        )
        name = f'<th scope="row">{_swatch(index)}{escape(label)}{_warning(report)}</th>'
        rows.append(f"<tr>{name}{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>")
    head = "".join(f"<th>{heading}</th>" for heading in headings)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _stages(reports: Sequence[Report], labels: Sequence[str]) -> str:
    bars = [
        Bar(
            label,
            {stage: report.stages[stage].p50_ms for stage in STAGES if stage in report.stages},
            report.stages["total"].p50_ms,
        )
        for report, label in zip(reports, labels, strict=True)
    ]
    shown = [stage for stage in STAGES if any(stage in report.stages for report in reports)]
    legend = "".join(f'<span><i class="{stage}"></i>{stage}</span>' for stage in shown)
    return f'<div class="legend">{legend}</div>{stacked(bars)}'


def _curves(reports: Sequence[Report], labels: Sequence[str]) -> str:
    legend = "".join(f"<span>{_swatch(index)}{escape(label)}</span>" for index, label in enumerate(labels))
    figures = []
    for stage in _CURVES:
        curves = [
            Curve(label, index, report.stages[stage])
            for index, (report, label) in enumerate(zip(reports, labels, strict=True))
            if stage in report.stages
        ]
        if curves:
            figures.append(
                f"<figure><figcaption>{_STAGE_NAMES[stage]}</figcaption>{cumulative(curves)}</figure>"
            )
    return f'<div class="legend">{legend}</div><div class="figures">{"".join(figures)}</div>'


def _details(report: Report, label: str) -> str:
    board, bundle, run = report.board, report.bundle, report.run
    before = report.temperature_before_c
    temperature = _unit(board.temperature_c, "°C")
    if before is not None:
        temperature = f"{_unit(before, '°C')} before, {temperature} after"
    frequency = f"{_unit(board.frequency_mhz, 'MHz')} of {_unit(board.max_frequency_mhz, 'MHz')}"
    warm_up = f"{report.warmup.n} inferences"
    if report.warmup.first_ms is not None and report.warmup.p50_ms is not None:
        warm_up += f", first {report.warmup.first_ms:.2f} ms, median {report.warmup.p50_ms:.2f} ms"
    rows = [
        ("board", board_name(report)),
        ("processor", f"{board.cpu or 'unknown'}, {board.arch or '?'}, {board.cores or '?'} cores"),
        ("cores that read", ", ".join(map(str, board.cores_used or ())) or "unknown"),
        ("governor, frequency", f"{board.governor or 'unknown'}, {frequency}"),
        ("temperature", temperature),
        ("throttling", board.throttling or "unknown"),
        ("memory", _unit(board.memory_mb, "MiB")),
        ("system", f"{board.os or 'unknown'}, {board.kernel or '?'}, Python {board.python or '?'}"),
        ("bundle", f"{bundle.display_name} ({bundle.target}), {bundle.precision}, {bundle.schedule}"),
        ("checkpoint", f"{bundle.checkpoint}, SHA-256 {bundle.checkpoint_sha256[:16]}…"),
        ("module", f"{bundle.model_bytes:,} bytes, SHA-256 {bundle.model_sha256[:16]}…, TVM {bundle.tvm}"),
        ("manifest", f"SHA-256 {bundle.manifest_sha256[:16]}…, by {bundle.created_by}"),
        (
            "run",
            f"{run.n} from {run.source}, {run.unreadable} unreadable, {run.threads} threads, "
            f"plate grammar {'on' if run.grammar else 'off'}",
        ),
        ("warm-up", warm_up),
        ("golden outputs", f"within {report.golden_difference:.2g}"),
        ("software", f"lpr-run {run.lpr_run}, NumPy {run.numpy}, OpenCV {run.opencv}"),
        ("measured", report.created_at),
    ]
    body = "".join(
        f"<tr><th scope='row'>{escape(key)}</th><td>{escape(value)}</td></tr>" for key, value in rows
    )
    return (
        f"<details><summary>{escape(label)}</summary><div class='pair'><table>{body}</table>"
        f"{_stage_table(report)}</div></details>"
    )


def _stage_table(report: Report) -> str:
    head = "".join(f"<th>{heading}</th>" for heading in ("ms", "min", "p50", "p90", "p99", "max"))
    rows = "".join(
        f"<tr><th scope='row'>{escape(stage)}</th>{''.join(f'<td>{value:.3f}</td>' for value in values)}</tr>"
        for stage, values in (
            (stage, (d.min_ms, d.p50_ms, d.p90_ms, d.p99_ms, d.max_ms)) for stage, d in report.stages.items()
        )
    )
    return f"<table class='numbers'><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _warning(report: Report) -> str:
    """What makes a timing doubtful."""
    doubts: Iterable[str | None] = (
        f"throttling: {report.board.throttling}" if report.board.throttling not in (None, "none") else None,
        f"governor {report.board.governor}"
        if report.board.governor in ("powersave", "ondemand", "schedutil")
        else None,
        f"only {report.run.n} frames" if report.run.n < 100 else None,
        f"{report.run.unreadable} unreadable" if report.run.unreadable else None,
    )
    text = "; ".join(filter(None, doubts))
    return f'<em class="doubt">{escape(text)}</em>' if text else ""


def _swatch(index: int) -> str:
    return f'<i class="s{index % SERIES_COLORS}"></i>'


def _unit(value: float | None, unit: str) -> str:
    return "unknown" if value is None else f"{value:g} {unit}"
