from __future__ import annotations

from pathlib import Path

from device_runtime.sources.files import label_of
from host.check.accuracy import Evaluation
from host.check.cases import cases_of
from host.show.cases import CASES, pictures
from tests.fleets import SAMPLES


def test_the_surest_misreadings_come_first_and_can_be_read_again(tmp_path: Path) -> None:
    paths = tuple(SAMPLES[:4])
    labels = tuple(label_of(path) for path in paths)
    plates = ("A1", labels[1], "A2", "A3")
    result = Evaluation("rendered", labels, plates, paths, (0.5, 0.9, 0.8, 0.2))
    CASES.write(tmp_path / "cases.json", cases_of(tmp_path, [result], [], most=2))
    found = CASES.read(tmp_path / "cases.json")
    assert [(case.read, case.truth) for case in found.cases] == [("A2", labels[2]), ("A1", labels[0])]
    shown = pictures(found, 1)
    assert [picture.title for picture in shown] == ["A2"]
    assert shown[0].address.startswith("data:image/jpeg;base64,") and labels[2] in shown[0].caption
