from __future__ import annotations

import logging
import threading

import pytest

from device_runtime.sinks.waiting import Waiting


def test_all_is_handled_in_order_and_then_the_last() -> None:
    seen: list[int | str] = []
    waiting: Waiting[int] = Waiting(seen.append, name="a", most=9, full="", last=lambda: seen.append("last"))
    for number in range(5):
        waiting.put(number)
    assert waiting.finish(10)
    assert seen == [0, 1, 2, 3, 4, "last"] and waiting.left_out == 0


def test_who_puts_never_waits_and_what_is_left_out_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    begun, go = threading.Event(), threading.Event()
    seen: list[int] = []

    def handle(item: int) -> None:
        begun.set()
        go.wait(30)
        seen.append(item)

    waiting = Waiting(handle, name="a", most=2, full="a is too slow")
    waiting.put(0)
    assert begun.wait(10)
    with caplog.at_level(logging.WARNING):
        for number in range(1, 6):
            waiting.put(number)
    assert waiting.left_out == 3 and [record.message for record in caplog.records] == ["a is too slow"]
    assert not waiting.finish(0)
    assert waiting.give_up() == 2
    go.set()
    waiting.join(10)
    assert seen == [0]
