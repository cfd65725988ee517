from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner

from device_runtime.board.describe import Board
from device_runtime.report import report as device_report
from device_runtime.report.accuracy import Accuracy
from device_runtime.report.report import BundleId, Report, RunSettings, WarmUp
from device_runtime.timing import distribution
from host.commands.report import report
from host.report import render, table
from host.report.plot import Curve, _linear_ticks, _log_ticks, cumulative


def made(model: str = "Raspberry Pi 5", infer_ms: float = 7.0, n: int = 200, **changes: object) -> Report:
    rng = np.random.default_rng(1)
    noise = 1 + 0.1 * rng.random(n)
    stages = {
        s: ms * noise
        for s, ms in (("read", 0.4), ("preprocess", 0.05), ("infer", infer_ms), ("decode", 0.08))
    }
    stages["total"] = sum(stages.values())
    whole = Report(
        created_at="2026-01-02T03:04:05+00:00",
        bundle=BundleId(
            manifest_sha256="a" * 64,
            created_by="lpr-edge 0.1.0",
            target="rpi5",
            display_name="Raspberry Pi 5",
            precision="fp32",
            schedule="tuned",
            checkpoint="lprnet.safetensors",
            checkpoint_sha256="b" * 64,
            tvm="0.27",
            model_bytes=2_000_000,
            model_sha256="c" * 64,
        ),
        board=Board(model=model, cpu="Cortex-A76", arch="aarch64", cores=4, governor="performance"),
        run=RunSettings(
            source="images", n=n, unreadable=0, threads=1, grammar=False, lpr_run="0.1", numpy="2", opencv="5"
        ),
        warmup=WarmUp(n=5, first_ms=8.0, p50_ms=7.0),
        stages={stage: distribution(samples.tolist()) for stage, samples in stages.items()},
        throughput=130.0,
        peak_rss_mb=70.5,
        golden_difference=1e-5,
        accuracy=Accuracy(n, n // 2, 0.5, 0.75),
    )
    return msgspec.structs.replace(whole, **changes)


BARE = made(
    "Unknown", 3.0, 1, board=Board(), accuracy=None, peak_rss_mb=None, warmup=WarmUp(n=0),
    stages={s: distribution([1.0]) for s in ("preprocess", "infer", "decode", "total")},
)  # fmt: skip


class Page(HTMLParser):
    """Tags must nest, and the texts and addresses are kept."""

    VOID = frozenset(("meta", "br", "link", "img"))

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[str] = []
        self.addresses: list[str] = []
        self.feed(page)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value or "" for key, value in attrs if key in ("src", "href", "xlink:href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_the_table_is_sorted_by_speed() -> None:
    lines = table([made("Slow board", 30.0), made("Fast board", 2.0), BARE]).splitlines()
    assert len(lines) == 4
    assert [line.split("  ")[0] for line in lines] == ["board", "unknown board", "Fast board", "Slow board"]
    assert "0.500" in lines[2]
    assert lines[1].rstrip().endswith("–")


def test_the_page_is_self_contained() -> None:
    text = render([made(), made("Slow", 30.0), BARE])
    page = Page(text)
    assert page.addresses == []
    assert not re.search(r"https?://|url\(|@import", text)
    assert "prefers-color-scheme: dark" in text
    for word in ("Raspberry Pi 5 · rpi5 fp32 ×1", "3 reports, the latest of 2026-01-02T03:04:05+00:00"):
        assert any(word in shown for shown in page.texts)


def test_names_in_reports_are_text_not_html() -> None:
    text = render([made("<script>alert('&')</script>")])
    Page(text)
    assert "<script" not in text


def test_what_makes_a_timing_doubtful_is_said() -> None:
    board = Board(model="Pi", throttling="under-voltage", governor="ondemand")
    text = render([made(n=50, board=board)])
    assert "throttling: under-voltage; governor ondemand; only 50 plates" in text
    assert 'class="doubt"' not in render([made()])


def test_equal_runs_are_numbered() -> None:
    text = render([made(), made()])
    assert "×1 #1" in text and "×1 #2" in text


def test_curves_stay_in_the_plot() -> None:
    for samples in ([1.0], [0.0, 0.0], [1e-4, 1e4], [5.0, 5.1, 5.2]):
        svg = cumulative([Curve("x", 0, distribution(samples))])
        points = [
            tuple(map(float, p.split(","))) for p in re.findall(r"[-\d.]+,[-\d.]+", svg.split("curve")[1])
        ]
        assert len(points) == 101
        assert all(44 <= x <= 406 and 10 <= y <= 206 for x, y in points)


@pytest.mark.parametrize(("start", "stop"), [(-3.0, 4.0), (0.0, 0.3), (1.02, 1.1), (-5, -4.9)])
def test_log_ticks(start: float, stop: float) -> None:
    ticks = _log_ticks(start, stop)
    assert 2 <= len(ticks) <= 8
    assert all(10**start * 0.8 <= tick <= 10**stop * 1.2 for tick in ticks)


@pytest.mark.parametrize("longest", [0.013, 0.99, 1.0, 3.3, 36.0, 999.0])
def test_linear_ticks(longest: float) -> None:
    ticks = _linear_ticks(longest)
    assert ticks[0] == 0
    assert 2 <= len(ticks) <= 11
    assert ticks[-1] <= longest


def test_command(tmp_path: Path) -> None:
    paths = [tmp_path / "a.json", tmp_path / "b.json"]
    for path, infer_ms in zip(paths, (3.0, 9.0), strict=True):
        device_report.write(made(infer_ms=infer_ms), path)
    page = tmp_path / "new" / "page.html"
    done = CliRunner().invoke(report, [*map(str, paths), "--html", str(page)])
    assert done.exit_code == 0, done.output
    assert done.output.splitlines()[0].split()[:2] == ["board", "target"]
    assert done.output.splitlines()[-1] == f"page: {page}"
    Page(page.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ["none.json", "bad.json", None])
def test_command_with_wrong_files(tmp_path: Path, name: str | None) -> None:
    (tmp_path / "bad.json").write_text("{}")
    command = [sys.executable, "-c", "from host.commands.report import report; report()"]
    command += ["--html", str(tmp_path / "page.html"), *([str(tmp_path / name)] if name else [])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    assert not (tmp_path / "page.html").exists()
