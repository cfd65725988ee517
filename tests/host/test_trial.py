from __future__ import annotations

from host.trial import Failed, Outcome, Skipped, tried


def test_what_is_tried_passes_fails_or_is_not_tried() -> None:
    def fails() -> str:
        raise Failed("`make`\nended with 2:\n\n  no  rule")

    def skipped() -> str:
        raise Skipped("there is none")

    outcomes = [tried("test", "a", trial) for trial in (lambda: "well", fails, skipped)]
    assert [(outcome.state, outcome.seen) for outcome in outcomes] == [
        ("passed", "well"),
        ("failed", "`make` ended with 2: no rule"),
        ("not tried", "there is none"),
    ]
    assert all(isinstance(outcome, Outcome) and outcome.seconds >= 0 for outcome in outcomes)


def test_a_failure_is_one_line() -> None:
    assert len(str(Failed("x" * 9999))) == 400
