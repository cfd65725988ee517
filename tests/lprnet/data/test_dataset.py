from pathlib import Path

import cv2
import numpy as np
import pytest

from device_runtime.errors import FatalError
from lprnet.data.dataset import MAX_LABEL, Labelled, check_labels, from_csv, from_folder
from lprnet.network.alphabet import OWN


def test_folder_labels(tmp_path: Path) -> None:
    for name in ("京A12345.png", "京A12345_2.png", "notes.txt"):
        (tmp_path / name).write_bytes(cv2.imencode(".png", np.zeros((24, 94, 3), np.uint8))[1].tobytes())
    assert [item.text for item in from_folder(tmp_path)] == ["京A12345", "京A12345"]
    with pytest.raises(FatalError, match="no such folder"):
        from_folder(tmp_path / "none")


def test_csv_labels(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((24, 94, 3), np.uint8))
    table = tmp_path / "labels.csv"
    table.write_text("\ufefffile,label\na.png,京A12345\n\n", encoding="utf-8")
    assert from_csv(table, tmp_path) == [Labelled(tmp_path / "a.png", "京A12345")]
    for text, why in (
        ("a.png\n", "not two fields"),
        ("b.png,京A12345\n", "no file"),
        ("", "no rows"),
        ("a.png,\n", "two"),
    ):
        table.write_text(text, encoding="utf-8")
        with pytest.raises(FatalError, match=why):
            from_csv(table, tmp_path)
    table.write_bytes(b"\xff\xfe\xff")
    with pytest.raises(FatalError, match="UTF-8 CSV"):
        from_csv(table, tmp_path)


def test_labels_that_cannot_be_learnt() -> None:
    check_labels([Labelled(Path("x.png"), "京A12345")], OWN)
    with pytest.raises(FatalError, match="'é' is not in the alphabet"):
        check_labels([Labelled(Path("x.png"), "京Aé")], OWN)
    for text in ("", "1" * (MAX_LABEL + 1)):
        with pytest.raises(FatalError, match=f"{len(text)} characters"):
            check_labels([Labelled(Path("x.png"), text)], OWN)
