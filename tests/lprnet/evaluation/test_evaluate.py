import json
import re
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
import torch
from click.testing import CliRunner

from device_runtime.read.decode import Decoded
from lprnet.cli import main
from lprnet.evaluation.appearance import measure, table
from lprnet.evaluation.evaluate import (
    NONE,
    Bin,
    Outcome,
    accuracy,
    aligned,
    by_province,
    calibration_error,
    confusions,
    read_all,
    reliability,
)
from lprnet.evaluation.reliability import draw
from lprnet.evaluation.sheet import beside, tile, worst
from lprnet.network.alphabet import OWN
from lprnet.network.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from lprnet.network.model import LPRNet
from lprnet.plates import render
from lprnet.weights import DEFAULT

IMAGE = np.zeros((24, 94, 3), np.uint8)


def _outcome(text: str, read: str, confidence: float = 0.5) -> Outcome:
    return Outcome(IMAGE, text, Decoded(read, confidence, (confidence,) * len(read)))


def test_aligned() -> None:
    assert aligned("ABC", "ABC") == [("A", "A"), ("B", "B"), ("C", "C")]
    assert aligned("ABC", "AC") == [("A", "A"), ("B", NONE), ("C", "C")]
    assert aligned("AC", "ABC") == [("A", "A"), (NONE, "B"), ("C", "C")]
    assert aligned("", "A") == [(NONE, "A")]
    assert aligned("AB", "") == [("A", NONE), ("B", NONE)]


def test_measures() -> None:
    outcomes = [_outcome("京A1", "京A1", 0.95), _outcome("沪A1", "京A1", 0.91), _outcome("沪A1", "沪A7", 0.3)]
    result = accuracy(outcomes)
    assert (result.n, result.correct) == (3, 1)
    assert result.accuracy_without_province == 2 / 3
    assert {p: (a.n, a.correct) for p, a in by_province(outcomes).items()} == {"沪": (2, 0), "京": (1, 1)}
    assert list(by_province(outcomes)) == ["沪", "京"]
    assert dict(confusions(outcomes)) == {("沪", "京"): 1, ("1", "7"): 1}
    assert reliability(outcomes) == [(0.3, 0.0, 1), (pytest.approx(0.93), 0.5, 2)]


def test_calibration_error_weighs_bins_by_their_plates() -> None:
    assert calibration_error([Bin(0.5, 0.9, 1), Bin(0.9, 0.8, 3)]) == pytest.approx((0.4 + 3 * 0.1) / 4)
    certain = [_outcome("京A1", "京A1", 1.0)] * 3
    assert calibration_error(reliability(certain)) == 0.0


def test_reliability_plot() -> None:
    """Points lie where their bins say: a reader that knows its chances on the diagonal, others off it."""
    picture = ElementTree.fromstring(draw({"a<b": [Bin(0.25, 0.25, 3), Bin(0.75, 0.25, 9)], "c": []}))
    names = [e.text for e in picture.iter() if e.tag.endswith("text")]
    assert {"a<b", "c", "3", "9"} <= set(names)
    low, high = ((float(e.attrib["cx"]), float(e.attrib["cy"])) for e in picture.iter() if "cx" in e.attrib)
    (diagonal,) = {
        tuple(float(e.attrib[k]) for k in ("x1", "y1", "x2", "y2"))
        for e in picture.iter()
        if e.attrib.get("stroke") == "#888" and float(e.attrib["x1"]) < low[0]
    }
    x0, y0, x1, y1 = diagonal
    assert low == pytest.approx((0.75 * x0 + 0.25 * x1, 0.75 * y0 + 0.25 * y1), abs=0.1)
    assert high == pytest.approx((0.25 * x0 + 0.75 * x1, low[1]), abs=0.1)


def test_nothing_to_measure() -> None:
    assert accuracy([]).n == 0
    assert by_province([]) == {}
    assert reliability([]) == []
    assert calibration_error([]) == 0.0
    assert worst([_outcome("京A1", "京A1")], 5).shape == IMAGE.shape


def test_read_all_uses_batch_one() -> None:
    torch.manual_seed(0)
    checkpoint = Checkpoint(LPRNet(len(OWN)).state_dict(), OWN, "")
    samples = [(c.image, c.text) for c in (render(1, i) for i in range(4))]
    together = [o.read for o in read_all(checkpoint, samples)]
    apart = [read_all(checkpoint, [sample])[0].read for sample in samples]
    assert together == apart


def test_sheets() -> None:
    images = [render(1, i).image for i in range(10)]
    assert tile(images, columns=4, zoom=2).shape == (3 * 48, 4 * 188, 3)
    assert beside(tile(images, 4), tile(images, 2)).shape[1] == 4 * 188
    wrong = [_outcome("京A12345", f"沪A1234{i}", i / 10) for i in range(8)]
    few, many = worst(wrong, 2), worst(wrong, 7)
    assert many.shape[0] == 2 * few.shape[0] and few.shape[1] == 6 * 94 * 3


def test_eval_command(tmp_path: Path) -> None:
    torch.manual_seed(0)
    save_checkpoint(tmp_path / "w.safetensors", LPRNet(len(OWN)).state_dict(), OWN)
    (tmp_path / "data").mkdir()
    cv2.imencode(".png", render(1, 1).image)[1].tofile(tmp_path / "data" / f"{render(1, 1).text}.png")
    arguments = ["eval", "--weights", str(tmp_path / "w.safetensors"), "--data", str(tmp_path / "data")]
    arguments += ["--rendered", "3", "--kind", "green-small"]
    plot = tmp_path / "plot.svg"
    result = CliRunner().invoke(
        main, [*arguments, "--json", "--worst", str(tmp_path / "worst.png"), "--reliability", str(plot)]
    )
    assert result.exit_code == 0, result.output
    lines = [json.loads(line) for line in result.output.splitlines()]
    assert [(line["dataset"], line["n"]) for line in lines] == [("data", 1), ("rendered green-small", 3)]
    assert cv2.imread(str(tmp_path / "worst.png")) is not None
    points = [e for e in ElementTree.parse(plot).iter() if e.tag.endswith("circle")]
    assert len(points) == sum(len(line["reliability"]) for line in lines)
    text = CliRunner().invoke(main, arguments).output
    assert "rendered green-small: n 3" in text and "by first character" in text


def test_sheet_and_samples_commands(tmp_path: Path) -> None:
    out = tmp_path / "samples"
    assert CliRunner().invoke(main, ["samples", "--out", str(out), "--count", "12"]).exit_code == 0
    assert len(list(out.glob("*.png"))) == 12
    arguments = ["sheet", "--out", str(tmp_path / "sheet.png"), "--count", "16", "--real", str(out)]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    assert re.findall(r"^(\w+) +(\d+) ", result.output, re.MULTILINE) == [
        ("rendered", "16"),
        ("samples", "12"),
    ]
    picture = cv2.imread(str(tmp_path / "sheet.png"))
    assert picture is not None and picture.shape == (2 * 48 + 12 + 48, 8 * 188, 3)


def test_shipped_checkpoint_reads_the_shipped_samples() -> None:
    """The samples are moderate: a checkpoint that misses more than a tenth of them should not ship."""
    samples = Path(DEFAULT).parent.parent / "samples"
    items = [(cv2.imdecode(np.fromfile(p, np.uint8), 1), p.stem) for p in sorted(samples.glob("*.png"))]
    assert len(items) == 60
    assert accuracy(read_all(load_checkpoint(DEFAULT), items)).accuracy >= 0.9


def test_measures_of_appearance() -> None:
    flat = np.full((24, 94, 3), (200, 100, 100), np.uint8)
    brightness, contrast, colour, sharpness = measure(flat)
    assert 100 < brightness < 130 and contrast == 0 == sharpness and colour == 100
    plates = [render(1, i, 0.0, "blue").image for i in range(8)]
    blurred = [cv2.GaussianBlur(image, (0, 0), 1.5) for image in plates]
    grey = [np.repeat(image.mean(2, keepdims=True), 3, 2).astype(np.uint8) for image in plates]
    for plate, soft, pale in zip(plates, blurred, grey, strict=True):
        assert measure(soft)[3] < 0.7 * measure(plate)[3] and measure(soft)[1] < measure(plate)[1]
        assert measure(pale)[2] == 0 < measure(plate)[2]
    lines = table([("sharp", plates), ("soft", blurred)]).splitlines()
    assert [line.split()[:2] for line in lines[1:]] == [["sharp", "8"], ["soft", "8"]]
