from __future__ import annotations

from host.show.series import names
from tests.reports import made


def test_equal_runs_are_numbered() -> None:
    assert [name.split()[-2:] for name in names([made(), made()])] == [["×1", "#1"], ["×1", "#2"]]


def test_runs_that_differ_are_named_by_it() -> None:
    assert names([made(), made("Orange Pi")]) == ["Raspberry Pi 5 · rpi5 fp32 ×1", "Orange Pi · rpi5 fp32 ×1"]
