import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from device_runtime.errors import FatalError
from device_runtime.locate.locator import Locator
from device_runtime.read.engine import Reading
from device_runtime.reader import Examiner
from device_runtime.sources.image import Image, Rows
from lprnet.evaluation import scenes_table
from lprnet.evaluation.scenes_folder import read_folder, seen_by, with_threshold
from tests.device_runtime.networks import refine, spots


@dataclass
class Brightness:
    """Reads a text on what is white, less surely on what is wide."""

    calls: int = 0

    def read(
        self,
        image: Image,
        width: float | None = None,
        below: Image | None = None,
        further: Iterable[Rows] = (),
        doubted: bool = False,
    ) -> Reading:
        self.calls += 1
        text = "京A12345" if image.mean() > 150 else ""
        return Reading(
            plate=text,
            confidence=0.9 if text else 0.0,
            character_confidences=(0.9,) * len(text),
            logits=np.zeros((1, 1), np.float32),
            timings_ms={},
        )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two photographs: of a plate that is found and read, and of a white spot that has no label."""
    folder = tmp_path / "photographs"
    folder.mkdir()
    lines = []
    for name, plates in (("a", [{"box": [400, 300, 100, 30], "text": "京A12345"}]), ("b", [])):
        image = np.full((540, 960, 3), 60, np.uint8)
        image[300:330, 400:500] = 255
        cv2.imwrite(str(folder / f"{name}.png"), image)
        lines.append(json.dumps({"file": f"{name}.png", "plates": plates}))
    (folder / "labels.jsonl").write_text("\n".join(lines))
    return folder


def test_a_folder_is_counted_as_a_board_reads_it(folder: Path) -> None:
    result = read_folder(Examiner(Brightness(), Locator(spots, refine)), folder)
    assert result.name == "photographs" and result.false_readings is None
    counted = json.loads(scenes_table.to_json(result))
    assert {k: counted[k] for k in ("dataset", "photographs", "n", "found", "read", "misread")} == {
        "dataset": "photographs", "photographs": 2, "n": 1, "found": 1, "read": 1, "misread": 0
    }  # fmt: skip
    assert counted["accuracy"] == 1 and counted["corner_error"] is None
    assert counted["false_per_photo"] == counted["false_read_per_photo"] == 0.5
    assert list(counted["by_width"]) == ["80–120"]
    (total, width) = scenes_table.rows([result])
    assert total[:5] == ("photographs (2)", "all", "1", "1", "1") and width[:2] == ("", "80–120")
    assert total[-3:] == ("0.500", "0.500", "–") and len(total) == len(scenes_table.HEADINGS)


def test_what_is_not_sure_enough_is_found_and_not_read(folder: Path) -> None:
    reader = Examiner(Brightness(), Locator(spots, refine), min_confidence=0.95)
    (first, second) = read_folder(reader, folder).outcomes
    assert first.plates[0].found is not None and not first.plates[0].right
    assert [seen.text for seen in second.false] == [""]
    with_threshold(reader, 0.999)
    assert not seen_by(reader)(first.photograph.read())


def test_pieces_are_read_as_frames_and_as_crops(folder: Path) -> None:
    engine = Brightness()
    result = read_folder(Examiner(engine, Locator(spots, refine)), folder, each=5)
    counted = result.false_readings
    assert counted is not None and counted.n == 10
    # As crops, each is read once; what is white on the second photograph may be on one.
    assert engine.calls >= 10 and counted.as_crops <= counted.n
    (line,) = scenes_table.of_pieces([result])
    assert line.startswith(f"photographs: {counted.as_frames} of 10 pieces")
    assert json.loads(scenes_table.to_json(result))["pieces"]["n"] == 10


def test_photographs_that_cannot_be_read_are_refused(folder: Path) -> None:
    (folder / "b.png").write_bytes(b"no picture")
    with pytest.raises(FatalError, match=r"b\.png"):
        read_folder(Examiner(Brightness(), Locator(spots, refine)), folder)
