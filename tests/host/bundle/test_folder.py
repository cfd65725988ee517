from __future__ import annotations

from pathlib import Path

from host.bundle.folder import replacing


def test_rebuild_keeps_reports(tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    (folder / "reports").mkdir(parents=True)
    (folder / "reports" / "board.json").write_text("{}")
    with replacing(folder) as new:
        (new / "model.so").write_bytes(b"newer")
    assert (folder / "model.so").read_bytes() == b"newer"
    assert (folder / "reports" / "board.json").read_text() == "{}"
    assert [p.name for p in tmp_path.iterdir()] == ["bundle"]
