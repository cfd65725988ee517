from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from host.endure import serial
from host.endure.serial import BadLine, Faults, crosses
from host.trial import Failed


def test_items_cross_a_bad_line_once_and_in_order(tmp_path: Path) -> None:
    """As `lpr-host endure` does it with 10,000 of them at 115,200 baud."""
    seen = crosses(60, Faults(baud=1_000_000), tmp_path)
    assert seen.startswith("60 items in ") and "0 lost, 0 twice" in seen


def test_a_line_that_carries_nothing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serial, "_STALLED_S", 0.3)
    with pytest.raises(Failed, match="nothing came for 0 s after 0 items"):
        crosses(3, Faults(loss=1.0), tmp_path)


def test_a_line_loses_and_damages_about_what_it_is_told_to() -> None:
    sent = bytes(64) * 500
    with BadLine(Faults(loss=0.1, damage=0.05, delay_s=0.001, baud=4_000_000)) as line:
        board, host = (os.open(path, os.O_RDWR | os.O_NONBLOCK) for path in (line.board, line.host))
        came, at, limit = b"", 0, time.monotonic() + 20
        while line.carried < len(sent) and time.monotonic() < limit:
            at += os.write(board, sent[at : at + 64]) if line.carried >= at - 512 else 0
            came += _read(host)
        time.sleep(0.1)
        came += _read(host)
        os.close(board)
        os.close(host)
    assert line.carried == len(sent)
    assert 0.05 < 1 - len(came) / len(sent) < 0.15
    assert 0.04 < sum(byte != 0 for byte in came) / len(came) < 0.06


def _read(handle: int) -> bytes:
    try:
        return os.read(handle, 1 << 16)
    except BlockingIOError:
        return b""
