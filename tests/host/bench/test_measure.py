from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from device_runtime.errors import FatalError
from host.bench.data import load_images
from host.bench.measure import Entrant, Pace, measure, pick_cpus
from host.bench.models import Configuration, Model, Place
from host.bench.runtimes import OURS


def test_cpus_are_on_different_cores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for cpu, siblings in enumerate(("0,2", "1,3", "0,2", "1,3")):
        topology = tmp_path / f"cpu{cpu}/topology"
        topology.mkdir(parents=True)
        (topology / "thread_siblings_list").write_text(siblings)
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: {0, 1, 2, 3})
    assert pick_cpus(1, tmp_path) == (1,)
    assert pick_cpus(2, tmp_path) == (0, 1)
    with pytest.raises(FatalError, match="has 2 cores"):
        pick_cpus(3, tmp_path)


def test_logits_are_computed_of_the_models_that_are_asked_for(
    bundle: Path, images: Path, tmp_path: Path
) -> None:
    model = Model(configuration=Configuration(OURS, "fp32"), folder=bundle, bytes=1, version="0")
    missing = replace(model, folder=tmp_path / "nothing")
    entrants = [Entrant(missing, 1), Entrant(model, 1), Entrant(model, 1)]
    inputs = load_images([images]).save(tmp_path)
    place, cpus = Place(Path(sys.executable), "native", None), {1: pick_cpus(1)}
    pace = Pace(rounds=2, inferences=3, warmup=1, settle_s=0)
    absent, first, second = measure(entrants, place, cpus, pace, inputs, inputs, {bundle, missing.folder})
    assert absent.error is not None and not absent.rounds and absent.logits is None
    assert first.logits is not None and first.logits.shape[::2] == (3, 18) and second.logits is None
    for measured in (first, second):
        assert measured.error is None and [len(turn) for turn in measured.rounds] == [3, 3]
    (known,) = measure([Entrant(model, 1)], place, cpus, pace, inputs, inputs)
    assert known.logits is None and known.rounds
