from __future__ import annotations

from pathlib import Path

from device_runtime.board.files import below, entries, number, text


def test_a_name_is_made_once(tmp_path: Path) -> None:
    assert below(tmp_path, "sys/class") is below(tmp_path, "sys/class")
    assert below(tmp_path, "sys/class") == tmp_path / "sys" / "class"


def test_texts_and_numbers(tmp_path: Path) -> None:
    (tmp_path / "model").write_bytes(b"Raspberry Pi 4\0")
    (tmp_path / "temp").write_text("48312\n")
    (tmp_path / "empty").write_text(" \n")
    (tmp_path / "odd").write_bytes(b"\xff")
    assert text(tmp_path / "model") == "Raspberry Pi 4"
    assert (number(tmp_path / "temp", 1e-3), number(tmp_path / "temp")) == (48.312, 48312)
    assert text(tmp_path / "empty") is None
    assert text(tmp_path / "odd") == "\N{REPLACEMENT CHARACTER}"
    for name in ("model", "empty", "none", "."):
        assert number(tmp_path / name) is None
    assert text(tmp_path / "none") is None


def test_entries_are_those_with_the_prefix_by_name(tmp_path: Path) -> None:
    for name in ("thermal_zone1", "thermal_zone0", "cooling_device0"):
        (tmp_path / name).mkdir()
    assert entries(tmp_path, "thermal_zone") == [tmp_path / "thermal_zone0", tmp_path / "thermal_zone1"]
    assert entries(tmp_path / "none", "") == []
