from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from host.deploy.pack import LOADER, packed

HELLO = json.dumps({"do": "hello", "root": "/nowhere/lpr"}).encode() + b"\n"


def run(*arguments: str, said: bytes) -> list[dict[str, object]]:
    """What Python without any package answers to *said*."""
    command = [sys.executable, "-I", "-S", *arguments]
    done = subprocess.run(command, input=said, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_it_is_small_and_the_same_each_time() -> None:
    first = packed()
    packed.cache_clear()
    assert packed() == first and len(first) < 32_000
    names = zipfile.ZipFile(io.BytesIO(first)).namelist()
    assert {"__main__.py", "host/__init__.py", "host/deploy/agent/session.py"} <= set(names)
    # Nothing of the host's own.
    assert all(name.startswith("host/deploy/agent/") or name.count("/") < 3 for name in names)
    assert len([name for name in names if not name.startswith("host/deploy/agent/")]) == 3


@pytest.mark.parametrize("sent", [True, False])
def test_it_runs_with_the_standard_library_alone(sent: bool, tmp_path: Path) -> None:
    if sent:
        answers = run("-c", LOADER.format(size=len(packed()), quote='"'), said=packed() + HELLO)
    else:
        (tmp_path / "board.py").write_bytes(packed())
        answers = run(str(tmp_path / "board.py"), said=HELLO)
    (answer,) = answers
    assert isinstance(answer["done"], dict) and answer["done"]["current"] is None


def test_it_keeps_itself_for_the_next_start(tmp_path: Path) -> None:
    lock = json.dumps({"do": "lock", "root": str(tmp_path), "who": "me"}).encode() + b"\n"
    assert run("-c", LOADER.format(size=len(packed()), quote='"'), said=packed() + lock) == [{"done": {}}]
    kept = tmp_path / "board.py"
    assert kept.read_bytes() == packed()
    # At the board's start: a switch that was not confirmed is taken back.
    (tmp_path / "bundles/old").mkdir()
    (tmp_path / "bundles/new").mkdir()
    (tmp_path / "current").symlink_to("bundles/new")
    (tmp_path / "pending.json").write_text('{"bundle": "new", "previous": "old"}')
    run(str(kept), "revert", str(tmp_path), said=b"")
    assert (tmp_path / "current").readlink() == Path("bundles/old")
    assert not (tmp_path / "pending.json").exists()
