"""Size, changes, accuracy and items: what stands behind the charts."""

from __future__ import annotations

from pathlib import Path

import pytest

from device_runtime.errors import FatalError
from host.show.accuracy import chart, read_evaluation, wilson
from host.show.changes import changes
from host.show.items import pictures, read_items
from host.show.size import Sized, best, pareto
from tests import fleets


def test_the_front_is_what_no_other_beats() -> None:
    bundles = [
        Sized("a", 1, 9.0, None),
        Sized("b", 2, 5.0, None),
        Sized("c", 2, 6.0, None),
        Sized("d", 3, 5.0, 0.9),
    ]
    assert best(bundles) == [True, True, False, False]
    assert best([bundles[0], bundles[0]]) == [True, True]
    assert "Beaten by no other in both: a; b." in pareto(bundles).summary


def test_the_last_bundle_is_put_beside_the_one_before() -> None:
    (found,) = changes(fleets.benchmark_reports(5))
    assert "checkpoint: lprnet.safetensors → tiny.safetensors" in found.what
    assert "precision" not in found.what
    rows = {row[0]: row[1:] for row in found.table.rows}
    assert rows["model, MB"] == ("0.480", "0.270", "-43.7%") or rows["model, MB"][2] == "-43.8%"
    assert rows["accuracy"][2] == "+0.0 points"
    assert changes(fleets.benchmark_reports(1)) == []


def test_an_interval_holds_the_share() -> None:
    # Newcombe, Statistics in Medicine 17 (1998), table I: 81 of 263.
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=1e-4)
    assert wilson(20, 20)[1] == 1.0 and wilson(0, 0) == (0.0, 1.0)


def test_evaluations_of_both_kinds_are_read(tmp_path: Path) -> None:
    path = tmp_path / "int8.json"
    path.write_text(
        '{"dataset":"ccpd","n":200,"correct":180,"accuracy":0.9,"accuracy_without_province":0.95}\n'
        '{"dataset":"streets","photographs":50,"n":80,"found":76,"labelled":70,"read":63,"accuracy":0.9,'
        '"accuracy_without_province":null,"misread":4,"false_per_photo":0.1,"new":1}\n'
    )
    crops, photographs = read_evaluation(path)
    assert (crops.name, crops.right, crops.n) == ("int8", 180, 200)
    assert (photographs.right, photographs.n, photographs.found) == (63, 70, 0.95)
    assert len(chart([crops, photographs]).table.rows) == 2
    path.write_text('{"dataset": 3}')
    with pytest.raises(FatalError, match="line 1: is no evaluation"):
        read_evaluation(path)


def test_items_are_read_with_their_pictures(tmp_path: Path) -> None:
    lines = [fleets.item("health", health, fleets.NOW, i) for i, health in enumerate(fleets.health_of(0, 1))]
    lines += [
        fleets.item("event", event, fleets.NOW, i, crop) for i, (event, crop) in enumerate(fleets.events(6))
    ]
    path = tmp_path / "gate.jsonl"
    path.write_bytes(b"\n".join(lines) + b"\n")
    found = read_items(path)
    assert list(found.health) == ["gate"] and len(found.health["gate"]) == 12
    assert [crop is not None for _, crop in found.events] == [True] * 4 + [False, True]
    shown = pictures(found.events, 3)
    assert [one.title for one in shown] == [event.text for event, _ in found.events[:3]]
    path.write_bytes(b"{}\n")
    with pytest.raises(FatalError, match="line 1"):
        read_items(path)
