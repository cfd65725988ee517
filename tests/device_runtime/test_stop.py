from __future__ import annotations

import os
import signal
import threading

import pytest

from device_runtime.stop import END_S, Stop


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_asks_and_a_second_one_interrupts(number: signal.Signals) -> None:
    # What starts the tests in the background may have them ignore some.
    before = signal.signal(number, signal.SIG_DFL)
    with Stop().on_signals() as stop:
        assert (stop.asked, stop.left_s(7.0)) == (False, 7.0)
        os.kill(os.getpid(), number)
        assert (stop.asked, stop.signal) == (True, number)
        assert 0.1 <= stop.left_s(7.0, 0.5) <= stop.left_s(7.0) < END_S
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
    assert signal.signal(number, before) == signal.SIG_DFL


def test_what_is_ignored_stays_so() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Stop().on_signals() as stop:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not stop.asked
    finally:
        signal.signal(signal.SIGHUP, before)


def test_another_thread_is_asked_by_who_started_it() -> None:
    stops: list[Stop] = []

    def work() -> None:
        with Stop().on_signals() as stop:
            stop()
            stops.append(stop)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert stops[0].asked and stops[0].signal is None
