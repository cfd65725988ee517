from __future__ import annotations

from host.collect.metrics import Measured, Metrics


def test_the_text_is_as_prometheus_reads_it() -> None:
    metrics = Metrics()
    metrics.count("lpr_items_total", 3, way="http", outcome="stored")
    metrics.count("lpr_items_total", way="http", outcome='a "b"\\\n')
    metrics.observe("lpr_acknowledge_seconds", 0.003, way="http")
    metrics.observe("lpr_acknowledge_seconds", 60, way="http")

    def measure() -> Measured:
        yield "lpr_waiting_items", {}, 2.5

    metrics.measure(measure)
    lines = metrics.text().splitlines()
    assert lines[:4] == [
        "# HELP lpr_items_total Items that came, by way (http, serial, mqtt) and what became of them.",
        "# TYPE lpr_items_total counter",
        r'lpr_items_total{outcome="a \"b\"\\\n",way="http"} 1',
        'lpr_items_total{outcome="stored",way="http"} 3',
    ]
    assert "# TYPE lpr_acknowledge_seconds histogram" in lines
    buckets = [line.rpartition(" ")[2] for line in lines if "_bucket" in line]
    assert buckets == ["0"] + ["1"] * 10 + ["2"]
    assert lines[-5:-3] == [
        'lpr_acknowledge_seconds_sum{way="http"} 60.003',
        'lpr_acknowledge_seconds_count{way="http"} 2',
    ]
    assert lines[-2:] == ["# TYPE lpr_waiting_items gauge", "lpr_waiting_items 2.5"]
    assert metrics.value("lpr_items_total", way="http", outcome="stored") == 3
