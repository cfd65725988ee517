from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest

from device_runtime.bundle.manifest import encode, read_manifest
from device_runtime.errors import FatalError
from device_runtime.report.report import REPORT
from host.compare.side import Side, open_side
from host.paths import REPOSITORY
from tests.reports import made

FAILS = "def main(): raise SystemExit('error: gcc: is not installed')"
COPIES = """
import os, shutil, sys
def main():
    assert sys.argv[1:4] == ["build", "--target", "native"], sys.argv
    shutil.copytree(os.environ["LPR_BUNDLE"], sys.argv[5])
"""


def git(*arguments: str, **more: Any) -> str:
    identity = ("-c", "user.name=t", "-c", "user.email=t@t.example")
    done = subprocess.run(
        ["git", "-C", str(REPOSITORY), *identity, *arguments],
        capture_output=True, text=True, check=True, **more,
    )  # fmt: skip
    return done.stdout.strip()


def commit(tool: str, work: Path) -> str:
    """A commit, of no branch, whose `lpr-host` is the source *tool*."""
    index = {**os.environ, "GIT_INDEX_FILE": str(work / "index")}
    for name, text in (("host/__init__.py", ""), ("host/cli.py", tool)):
        blob = git("hash-object", "-w", "--stdin", input=text)
        git("update-index", "--add", "--cacheinfo", f"100644,{blob},{name}", env=index)
    return git("commit-tree", git("write-tree", env=index), "-m", "a revision")


def opened(name: str, work: Path) -> Side:
    with ExitStack() as stack:
        return open_side(name, work, stack)


def test_a_report_and_a_folder_of_them(tmp_path: Path) -> None:
    for number in range(3):
        REPORT.write(tmp_path / f"runs/{number}.json", made(infer_ms=number + 1))
    one, all_of_them = (
        opened(str(tmp_path / "runs/0.json"), tmp_path),
        opened(str(tmp_path / "runs"), tmp_path),
    )
    assert (len(one.reports), len(all_of_them.reports)) == (1, 3)
    assert one.model == 2_000_000 and one.size is None


def test_a_bundle_and_whether_it_runs_here(fp32_bundle: Path, tmp_path: Path) -> None:
    here = opened(str(fp32_bundle), tmp_path)
    assert here.obstacle is None and here.size and here.model and here.size > here.model
    manifest = read_manifest(fp32_bundle)
    target = msgspec.structs.replace(manifest.target, arch="riscv64")
    (tmp_path / "manifest.json").write_bytes(encode(msgspec.structs.replace(manifest, target=target)))
    assert "needs riscv64" in str(opened(str(tmp_path), tmp_path).obstacle)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("nothing-of-that-name", "is no path, no target and no git revision"),
        ("rev:--output=x", "is no git revision"),
        ("target:nowhere", "nowhere"),
        (".", "holds neither a bundle nor reports"),
    ],
)
def test_anything_else_is_refused(
    name: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FatalError) as error:
        opened(name, tmp_path)
    assert why in str(error.value)


@pytest.mark.skipif(shutil.which("git") is None or not (REPOSITORY / ".git").exists(), reason="no git")
def test_a_revision_is_built_by_its_own_tool_beside_the_repository(
    fp32_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trees = git("worktree", "list")
    monkeypatch.setenv("LPR_BUNDLE", str(fp32_bundle))
    works = opened(f"rev:{commit(COPIES, tmp_path)}", tmp_path)
    assert works.bundle == tmp_path / "bundle" and works.obstacle is None and works.model
    (tmp_path / "again").mkdir()
    with pytest.raises(FatalError, match="cannot be built: error: gcc: is not installed"):
        opened(commit(FAILS, tmp_path), tmp_path / "again")
    assert git("worktree", "list") == trees and not (tmp_path / "tree").exists()
