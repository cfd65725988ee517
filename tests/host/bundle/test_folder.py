from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from device_runtime.board.suggest import ADVICE
from host.bundle.folder import copy_device_package, replacing
from host.paths import DEVICE_PACKAGE
from host.targets.boards import advice


@pytest.mark.slow
def test_the_wheel_holds_every_module_and_what_they_read(tmp_path: Path) -> None:
    copy_device_package(tmp_path)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        boards = ADVICE.decode(archive.read("device_runtime/board/boards.json"), "boards.json")
    modules = {str(path.relative_to(DEVICE_PACKAGE.parent)) for path in DEVICE_PACKAGE.rglob("*.py")}
    assert names == modules | {"device_runtime/board/boards.json", "device_runtime/sinks/glyphs.png"}
    assert boards == advice()
    assert {path.name for path in tmp_path.iterdir()} == {wheel.name, "install.sh", "requirements.txt"}


def test_rebuild_keeps_reports(tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    (folder / "reports").mkdir(parents=True)
    (folder / "reports" / "board.json").write_text("{}")
    with replacing(folder) as new:
        (new / "model.so").write_bytes(b"newer")
    assert (folder / "model.so").read_bytes() == b"newer"
    assert (folder / "reports" / "board.json").read_text() == "{}"
    assert [p.name for p in tmp_path.iterdir()] == ["bundle"]
