"""The page with the boards' benchmark reports side by side, as `lpr-host report` shows them."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from device_runtime.report.report import Report
from host.show.benchmarks import benchmark_sections, headline
from host.show.details import details
from host.show.live.frame import query, respond, store_of
from host.show.section import Section
from host.show.series import names, ordered

REPORTS = 24
"""Side by side."""


def benchmarks(request: Request) -> Response:
    """`/benchmarks`, with `before` of the pages behind the first."""
    page = store_of(request).reports(before=request.query_params.get("before"), limit=REPORTS)
    reports = ordered([_named(stored.report, stored.board) for stored in page.rows])
    labels = names(reports)
    sections: list[Section] = []
    if reports:
        sections = [
            *benchmark_sections(reports, labels),
            Section(
                name="details",
                title="Boards and bundles",
                parts=[details(report, label) for report, label in zip(reports, labels, strict=True)],
            ),
        ]
    return respond(
        request,
        "live.html",
        title="Benchmarks",
        subtitle=""
        if reports
        else "No board has sent a benchmark report yet. lpr-run --benchmark --report sends one.",
        tiles=headline(reports, labels) if reports else (),
        sections=sections,
        older=query("/benchmarks", before=page.next) if page.next else None,
        newer="/benchmarks" if "before" in request.query_params else None,
        live=False,
    )


def _named(report: Report, board: str) -> Report:
    """*report*, with the board's name in place of its model, which many boards have."""
    return msgspec.structs.replace(report, board=msgspec.structs.replace(report.board, model=board))
