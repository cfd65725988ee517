from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from device_runtime.errors import FatalError
from host.compare.compare import Comparison, Row, compare, met, refuse_too_short
from host.compare.condition import parse_condition
from host.compare.table import rows
from tests.host.compare.sides import side


def row(comparison: Comparison, metric: str) -> Row:
    return next(one for one in comparison.rows if one.metric == metric)


def holding(comparison: Comparison, *conditions: str) -> list[str]:
    return [one.condition.text for one in met(comparison, [parse_condition(text) for text in conditions])]


@pytest.mark.parametrize("paired", [True, False])
def test_a_slower_stage_grew_and_another_did_not(paired: bool) -> None:
    comparison = compare(side("old", 5.0), side("newer", 5.5), 0.05, paired=paired)
    infer = row(comparison, "infer.p50")
    assert infer.verdict == "grew" and infer.change == pytest.approx(0.1, abs=0.01)
    assert infer.low is not None and infer.high is not None and infer.low < 0.1 < infer.high
    assert infer.n == 1600 and not infer.more
    assert row(comparison, "decode.p50").verdict == "no change"
    assert row(comparison, "throughput").verdict == "shrank"
    assert holding(comparison, "infer.p50>+5%", "infer.p50>+15%", "throughput<-5%", "decode.p50>+5%") == [
        "infer.p50>+5%",
        "throughput<-5%",
    ]
    refuse_too_short(comparison, 0.05)


def test_runs_that_are_too_short_say_how_many_more() -> None:
    comparison = compare(side("old", 5.0, 5, 10), side("newer", 5.0, 5, 10), 0.005, paired=False)
    total = row(comparison, "total.p50")
    assert total.verdict == "cannot be told" and total.more > 50
    with pytest.raises(FatalError, match=rf"total.p50: 50 samples a side .* measure {total.more} more"):
        refuse_too_short(comparison, 0.005)
    with pytest.raises(FatalError, match=r"50 samples a side are too few .* measure \d+ more"):
        holding(comparison, "infer.p50>+0.5%")
    # A coarser question can be answered.
    assert holding(comparison, "infer.p50>+50%") == []


def test_one_run_each_is_shown_but_decides_nothing() -> None:
    comparison = compare(side("old", 5.0, 1), side("newer", 9.0, 1), 0.05, paired=False)
    assert row(comparison, "infer.p50").verdict == "grew"
    assert any("one run each" in note for note in comparison.notes)
    for condition in ("infer.p50>+5%", "throughput<-5%"):
        with pytest.raises(FatalError, match=r"1 run a side .* measure 4 more of each"):
            holding(comparison, condition)
    assert holding(comparison, "model>+5%") == []


def test_as_many_more_as_it_says_are_enough() -> None:
    short = row(compare(side("old", 5.0, 1, 40), side("newer", 5.0, 1, 40), 0.01, paired=False), "infer.p50")
    n = 40 + short.more
    enough = compare(side("old", 5.0, 1, 2 * n), side("newer", 5.0, 1, 2 * n), 0.01, paired=False)
    assert short.more and not row(enough, "infer.p50").more


def test_accuracy_is_of_the_same_plates() -> None:
    ours, theirs = "+" * 90 + "-" * 10, "+" * 80 + "-" * 20
    comparison = compare(side("old", 5.0, plates=ours), side("newer", 5.0, plates=theirs), 0.05, paired=True)
    accuracy = row(comparison, "accuracy")
    assert (accuracy.a, accuracy.b, accuracy.n) == (0.9, 0.8, 100)
    assert accuracy.p == pytest.approx(2 / 2**10) and accuracy.verdict == "shrank"
    assert holding(comparison, "accuracy<-8pp", "accuracy<-12pp") == ["accuracy<-8pp"]
    with pytest.raises(FatalError, match=r"100 plates are too few .* measure 1100 more"):
        holding(comparison, "accuracy<-0.5pp")


def test_a_loss_that_chance_may_have_made_meets_no_condition() -> None:
    ours, theirs = "+" * 100, "+" * 95 + "-" * 5
    comparison = compare(side("old", 5.0, plates=ours), side("newer", 5.0, plates=theirs), 0.05, paired=True)
    assert row(comparison, "accuracy").verdict == "no change"
    # Six of 150 plates would have told it.
    with pytest.raises(FatalError, match="measure 50 more"):
        holding(comparison, "accuracy<-4pp")
    assert holding(comparison, "accuracy<-6pp") == []


def test_what_cannot_be_compared_is_said() -> None:
    ours, theirs = side("old", 5.0), side("newer", 5.0)
    other = msgspec.structs.replace(
        theirs.reports[0], run=msgspec.structs.replace(theirs.reports[0].run, threads=4)
    )
    comparison = compare(ours, replace(theirs, reports=(other,)), 0.05, paired=False)
    assert "not the same threads: 1 and 4" in comparison.notes
    assert any("which plates" in note for note in comparison.notes)
    with pytest.raises(FatalError, match="accuracy is not known of both"):
        holding(comparison, "accuracy<-1pp")


def test_the_table_shows_medians_or_all() -> None:
    comparison = compare(side("old", 5.0), side("newer", 5.5), 0.05, paired=True)
    few, all_of_them = rows(comparison), rows(comparison, everything=True)
    assert len(all_of_them) > len(few)
    infer = next(line for line in few if line[0] == "infer.p50")
    assert infer[1].endswith(" ms") and infer[3].endswith(" %") and " … " in infer[4]
    assert infer[6] == "grew"
