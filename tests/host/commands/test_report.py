from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from device_runtime.report.report import REPORT
from host.cli import main
from tests.reports import made


def test_the_table_is_shown_and_the_page_written(tmp_path: Path) -> None:
    paths = [tmp_path / "a.json", tmp_path / "b.json"]
    for path, infer_ms in zip(paths, (3.0, 9.0), strict=True):
        REPORT.write(path, made(infer_ms=infer_ms))
    page = tmp_path / "new" / "page.html"
    done = CliRunner().invoke(main, ["report", *map(str, paths), "--html", str(page)])
    assert done.exit_code == 0, done.output
    assert done.output.splitlines()[0].split()[:2] == ["board", "target"]
    assert done.output.splitlines()[-1] == f"page: {page}"
    assert "Raspberry Pi 5" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["none.json", "bad.json", None])
def test_wrong_files_are_one_line(tmp_path: Path, name: str | None) -> None:
    (tmp_path / "bad.json").write_text("{}")
    names = [str(tmp_path / name)] if name else []
    done = CliRunner().invoke(main, ["report", "--html", str(tmp_path / "page.html"), *names])
    assert done.exit_code == 2
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    assert not (tmp_path / "page.html").exists()
