"""What a collector counts, in the text format of Prometheus (version 0.0.4).

Written here because it is two kinds of lines; no label names a board, of which there may be 100,000.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping

BOUNDS_S = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Upper bounds of the histograms' buckets."""

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Labels = tuple[tuple[str, str], ...]


class _Histogram:
    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS_S) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        self.counts[bisect_left(BOUNDS_S, value)] += 1
        self.sum += value


Measured = Iterator[tuple[str, Mapping[str, str], float]]
"""Names, labels and values; those of one name follow each other."""


class Metrics:
    """Counters, histograms, and what is measured when it is asked for; may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counters: dict[tuple[str, Labels], float] = {}
        self._histograms: dict[tuple[str, Labels], _Histogram] = {}
        self._measures: list[Callable[[], Measured]] = []

    def measure(self, measure: Callable[[], Measured]) -> None:
        """Ask *measure*, too, whenever `text` is called; its names are of `HELP`."""
        self._measures.append(measure)

    def count(self, name: str, n: float = 1, **labels: str) -> None:
        """Add *n* to a counter; *name* is one of `HELP`."""
        key = (name, tuple(sorted(labels.items())))
        with self._lock:
            self._counters[key] = self._counters.get(key, 0) + n

    def observe(self, name: str, seconds: float, **labels: str) -> None:
        """Add a duration to a histogram; *name* is one of `HELP`."""
        key = (name, tuple(sorted(labels.items())))
        with self._lock:
            self._histograms.setdefault(key, _Histogram()).observe(seconds)

    def value(self, name: str, **labels: str) -> float:
        """What a counter stands at; 0 where nothing was counted."""
        with self._lock:
            return self._counters.get((name, tuple(sorted(labels.items()))), 0)

    def text(self) -> str:
        """All of it."""
        with self._lock:
            counters = sorted(self._counters.items())
            histograms = sorted((key, list(h.counts), h.sum) for key, h in self._histograms.items())
        lines: list[str] = []
        told: set[str] = set()

        def head(name: str, kind: str) -> None:
            if name not in told:
                told.add(name)
                lines.extend((f"# HELP {name} {HELP[name]}", f"# TYPE {name} {kind}"))

        for (name, labels), value in counters:
            head(name, "counter")
            lines.append(f"{name}{_braced(labels)} {_number(value)}")
        for (name, labels), counts, total in histograms:
            head(name, "histogram")
            below = 0
            for bound, n in zip((*map(str, BOUNDS_S), "+Inf"), counts, strict=True):
                below += n
                lines.append(f"{name}_bucket{_braced((*labels, ('le', bound)))} {below}")
            lines.append(f"{name}_sum{_braced(labels)} {_number(total)}")
            lines.append(f"{name}_count{_braced(labels)} {below}")
        for measure in self._measures:
            for name, about, value in measure():
                head(name, "counter" if name.endswith("_total") else "gauge")
                lines.append(f"{name}{_braced(tuple(about.items()))} {_number(value)}")
        return "\n".join(lines) + "\n"


HELP = {
    "lpr_items_total": "Items that came, by way (http, serial, mqtt) and what became of them.",
    "lpr_requests_total": "HTTP requests of boards, by status.",
    "lpr_acknowledge_seconds": "From the begin of a request, or from whole items, to their commit.",
    "lpr_logins_total": "Attempts to log in, by what became of them.",
    "lpr_stored_items_total": "Items that were new and are committed, by kind.",
    "lpr_transactions_total": "Transactions that stored items.",
    "lpr_store_failed_items_total": "Items whose transaction failed; boards send them again.",
    "lpr_store_busy_items_total": "Items turned away because too many wait; boards send them again.",
    "lpr_expired_rows_total": "Rows deleted for their age, by table.",
    "lpr_waiting_items": "Items that wait to be stored.",
    "lpr_http_connections": "HTTP connections that are open.",
    "lpr_serial_ports_open": "Serial ports that are open.",
    "lpr_mqtt_connected": "1 while the broker is connected.",
}
"""Every metric and what it means."""


def _braced(labels: Labels) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{key}="{_escaped(value)}"' for key, value in labels) + "}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))
