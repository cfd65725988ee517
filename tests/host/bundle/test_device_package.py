from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import pytest

from device_runtime.board.suggest import ADVICE
from host.bundle import device_package
from host.bundle.device_package import copy_device_package
from host.paths import DEVICE_PACKAGE
from host.targets.boards import advice


def test_the_wheel_holds_every_module_and_what_they_read(tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    folder.mkdir()
    copy_device_package(folder, tmp_path / "cache")
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        boards = ADVICE.decode(archive.read("device_runtime/board/boards.json"), "boards.json")
    modules = {str(path.relative_to(DEVICE_PACKAGE.parent)) for path in DEVICE_PACKAGE.rglob("*.py")}
    pages = {f"service/pages/view.{suffix}" for suffix in ("html", "css", "js")}
    countries = {f"countries/{path.name}" for path in (DEVICE_PACKAGE / "countries").glob("*.toml")}
    assert "countries/cn.toml" in countries
    more = {"__init__.pyi", "py.typed", "board/boards.json", "sinks/glyphs.png"} | pages | countries
    assert names == modules | {f"device_runtime/{name}" for name in more}
    assert boards == advice()
    others = {"install.sh", "lpr-run.service", "requirements.txt"}
    assert {path.name for path in folder.iterdir()} == {wheel.name} | others


def test_a_changed_module_gives_another_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = tmp_path / "device_runtime"
    shutil.copytree(DEVICE_PACKAGE, changed)
    wheels: list[bytes] = []
    for text in ("LATER = 1\n", "LATER = 2\n", "LATER = 1\n"):
        (changed / "later.py").write_text(text)
        monkeypatch.setattr(device_package, "DEVICE_PACKAGE", changed)
        monkeypatch.setattr(device_package, "FILE", changed / "board" / "boards.json")
        folder = tmp_path / f"bundle{len(wheels)}"
        folder.mkdir()
        copy_device_package(folder, tmp_path / "cache")
        (wheel,) = folder.glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            assert archive.read("device_runtime/later.py").decode() == text
        wheels.append(wheel.read_bytes())
    assert wheels[0] == wheels[2] != wheels[1]
    assert len(list((tmp_path / "cache" / "device-wheel").iterdir())) == 2
