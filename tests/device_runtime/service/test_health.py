from __future__ import annotations

from pathlib import Path
from queue import Queue

import pytest

from device_runtime.bundle.verify import Bundle, verify
from device_runtime.delivery.spool import Counts as ItemCounts
from device_runtime.report.health import HEALTH, Health
from device_runtime.report.measure import Measurements
from device_runtime.schema import encode
from device_runtime.service.health import HealthReports
from device_runtime.service.settings import HealthSettings
from device_runtime.sources.frame import Frame
from device_runtime.sources.source import Counts, Source


class Away:
    """A camera that was lost twice and came back once."""

    name, live = "rtsp://camera/stream", True
    counts = Counts(frames=7, dropped=3, losses=2, reconnects=1, lost_s=12.5)

    def next(self, timeout_s: float) -> Frame | None:
        return None

    def close(self) -> None:
        pass


@pytest.fixture(scope="module")
def whole(pristine_bundle: Path) -> Bundle:
    return verify(pristine_bundle)


def reports(whole: Bundle, measured: Measurements, **more: object) -> tuple[HealthReports, Queue[Health]]:
    told: Queue[Health] = Queue()
    return HealthReports(told.put, measured, whole, **more), told  # type: ignore[arg-type]


def test_a_report_says_how_the_run_is_doing(whole: Bundle, tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/meminfo").write_text("MemAvailable: 204800 kB\n")
    source: Source = Away()
    measured = Measurements()
    health, told = reports(
        whole,
        measured,
        source=source,
        items=lambda: {"file:x": ItemCounts(spooled=5, acknowledged=4)},
        spool=tmp_path,
        interval_s=0.0,
        root=tmp_path,
    )
    first = told.get(timeout=5)
    assert (first.frames, first.stages, first.last) == (0, {}, False)
    for ms in (1.0, 3.0):
        measured.add({"infer": ms, "total": ms}, plates=2)
    health.tick()
    second = told.get(timeout=5)
    assert (second.frames, second.plates) == (2, 4)
    assert second.stages["infer"].p50_ms == 2.0 and second.stages["infer"].n == 2
    assert second.source is not None and second.source.lost
    assert (second.source.dropped, second.source.reconnects, second.source.lost_s) == (3, 1, 12.5)
    assert second.delivery["file:x"].acknowledged == 4
    assert second.bundle.target == "tiny"
    assert second.machine.available_mb == 200
    assert second.machine.rss_mb and second.machine.rss_mb > 10
    assert second.machine.spool_free_mb is not None
    assert second.machine.cores
    measured.add({"infer": 8.0, "total": 8.0}, plates=0)
    health.close()
    last = told.get(timeout=5)
    assert last.last and last.run == first.run
    # Counts go on, times are those since the report before.
    assert (last.frames, last.stages["infer"].n, last.stages["infer"].max_ms) == (3, 1, 8.0)
    assert HEALTH.decode(encode(last), "health") == last
    assert len(encode(last)) < 4096


def test_reports_are_as_far_apart_as_asked(whole: Bundle) -> None:
    health, told = reports(whole, Measurements(), interval_s=3600.0)
    told.get(timeout=5)
    health.tick()
    health.close()
    assert told.get(timeout=5).last


def test_a_failure_does_not_end_the_reports(whole: Bundle, caplog: pytest.LogCaptureFixture) -> None:
    calls: Queue[Health] = Queue()

    def put(health: Health) -> None:
        calls.put(health)
        raise OSError("no room")

    health = HealthReports(put, Measurements(), whole, interval_s=0.0)
    health.tick()
    health.close()
    assert [calls.get(timeout=5).last for _ in range(3)] == [False, False, True]
    assert [record.getMessage() for record in caplog.records] == ["health report: OSError: no room"]


def test_a_slow_board_does_not_keep_the_reader_waiting(whole: Bundle, tmp_path: Path) -> None:
    command = tmp_path / "usr/bin/vcgencmd"
    command.parent.mkdir(parents=True)
    command.write_text("#!/bin/sh\nsleep 1\necho throttled=0x50000\n")
    command.chmod(0o755)
    health, told = reports(whole, Measurements(), interval_s=3600.0, root=tmp_path)
    health.tick()
    assert told.empty()
    assert told.get(timeout=10).machine.throttling == "under-voltage since boot, throttled since boot"
    health.close()


def test_the_newest_report_is_kept_where_systemd_made_a_folder_or_settings_say() -> None:
    given = HealthSettings(file=Path("/var/health.json"))
    assert given.path({"RUNTIME_DIRECTORY": "/run/lpr"}) == Path("/var/health.json")
    assert HealthSettings().path({"RUNTIME_DIRECTORY": "/run/lpr:/run/more"}) == Path("/run/lpr/health.json")
    assert HealthSettings().path({}) is None
