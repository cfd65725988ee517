from pathlib import Path

import pytest
import torch

from device_runtime.sources.image import read_image
from lprnet.evaluation.evaluate import (
    NONE,
    Bin,
    accuracy,
    aligned,
    by_province,
    calibration_error,
    confusions,
    read_all,
    reliability,
)
from lprnet.evaluation.networks import TorchEngine
from lprnet.evaluation.sheet import worst
from lprnet.network.alphabet import OWN
from lprnet.network.checkpoint import Checkpoint, load_checkpoint
from lprnet.network.model import LPRNet
from lprnet.plates import render
from lprnet.weights import DEFAULT
from tests.device_runtime.networks import boxed
from tests.lprnet.helpers import outcome


def test_aligned() -> None:
    assert aligned("ABC", "ABC") == [("A", "A"), ("B", "B"), ("C", "C")]
    assert aligned("ABC", "AC") == [("A", "A"), ("B", NONE), ("C", "C")]
    assert aligned("AC", "ABC") == [("A", "A"), (NONE, "B"), ("C", "C")]
    assert aligned("", "A") == [(NONE, "A")]
    assert aligned("AB", "") == [("A", NONE), ("B", NONE)]


def test_measures() -> None:
    outcomes = [outcome("京A1", "京A1", 0.95), outcome("沪A1", "京A1", 0.91), outcome("沪A1", "沪A7", 0.3)]
    result = accuracy(outcomes)
    assert (result.n, result.correct) == (3, 1)
    assert result.accuracy_without_province == 2 / 3
    assert {p: (a.n, a.correct) for p, a in by_province(outcomes).items()} == {"沪": (2, 0), "京": (1, 1)}
    assert list(by_province(outcomes)) == ["沪", "京"]
    assert dict(confusions(outcomes)) == {("沪", "京"): 1, ("1", "7"): 1}
    assert reliability(outcomes) == [(0.3, 0.0, 1), (pytest.approx(0.93), 0.5, 2)]


def test_calibration_error_weighs_bins_by_their_plates() -> None:
    assert calibration_error([Bin(0.5, 0.9, 1), Bin(0.9, 0.8, 3)]) == pytest.approx((0.4 + 3 * 0.1) / 4)
    certain = [outcome("京A1", "京A1", 1.0)] * 3
    assert calibration_error(reliability(certain)) == 0.0


def test_nothing_to_measure() -> None:
    assert accuracy([]).n == 0
    assert by_province([]) == {}
    assert reliability([]) == []
    assert calibration_error([]) == 0.0
    assert worst([outcome("京A1", "京A1")], 5).shape == (24, 94, 3)


def test_read_all_uses_batch_one() -> None:
    torch.manual_seed(0)
    checkpoint = Checkpoint(LPRNet(len(OWN)).state_dict(), OWN)
    samples = [(c.image, c.text) for c in (render(1, i) for i in range(4))]
    together = [o.read for o in read_all(checkpoint, samples)]
    apart = [read_all(checkpoint, [sample])[0].read for sample in samples]
    assert together == apart


def test_shipped_checkpoint_reads_the_shipped_samples() -> None:
    """The samples are moderate: a checkpoint that misses more than a tenth of them should not ship."""
    samples = Path(DEFAULT).parent.parent / "samples"
    items = [(read_image(path), path.stem) for path in sorted(samples.glob("*.png"))]
    assert len(items) == 60
    assert accuracy(read_all(load_checkpoint(DEFAULT), items)).accuracy >= 0.9


def test_turned_plates_are_straightened_before_they_are_read() -> None:
    checkpoint = load_checkpoint(DEFAULT)
    plates = [render(11, i, 0.0, "blue") for i in range(4)]
    turned = [boxed(plate.image, turn) for plate, turn in zip(plates, (-16, -15, 15, 16), strict=True)]
    outcomes = read_all(
        checkpoint, [(image, plate.text) for image, plate in zip(turned, plates, strict=True)]
    )
    assert [outcome.read.text for outcome in outcomes] == [plate.text for plate in plates]
    plain = TorchEngine(checkpoint)
    assert sum(plain.read(image).plate == plate.text for image, plate in zip(turned, plates, strict=True)) < 3
