from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from device_runtime.board.suggest import ADVICE
from host.bundle.folder import copy_device_package
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
