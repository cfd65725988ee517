from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from host.bench import protocol
from host.bench.client import Worker, WorkerError
from host.bench.measure import pick_cpus
from host.bench.pipelines.environment import interpreter
from host.bench.pipelines.registry import PEERS, Peer


def wheel(folder: Path, name: str) -> str:
    """What pip takes for a package with one module, which needs one that does not exist."""
    path = folder / f"{name}-1-py3-none-any.whl"
    about = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n"
    about += "Requires-Dist: no-such-distribution\n" if name == "peer" else ""
    files = {f"{name}.py": "", f"{name}-1.dist-info/METADATA": about}
    files[f"{name}-1.dist-info/WHEEL"] = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    record = f"{name}-1.dist-info/RECORD"
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in files.items():
            archive.writestr(file, text)
        archive.writestr(record, "".join(f"{file},,\n" for file in (*files, record)))
    return str(path)


def test_what_cannot_be_installed_is_one_line_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    peer = Peer(module="absent", packages=("no-such-distribution==1",), needs=("no-such-distribution==1",))
    with pytest.raises(WorkerError, match=r"cannot be installed: .*no-such-distribution") as error:
        interpreter("absent", peer, tmp_path)
    assert "\n" not in str(error.value) and not list(tmp_path.iterdir())


def test_a_peer_is_installed_once_apart_and_without_what_it_asks_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    packages, needs = (wheel(tmp_path, "peer"),), (wheel(tmp_path, "needed"),)
    peer = Peer(module="host.bench.pipelines.peer", packages=packages, needs=needs)
    python = interpreter("peer", peer, tmp_path / "cache")
    script = "import peer, needed, importlib.util as u; assert u.find_spec('numpy') is None"
    subprocess.run([python, "-I", "-c", script], check=True)
    made = python.stat().st_mtime_ns
    assert interpreter("peer", peer, tmp_path / "cache") == python and python.stat().st_mtime_ns == made


def test_a_peer_that_is_not_there_is_a_failure_in_words() -> None:
    assert [peer.distribution for peer in PEERS.values()] == ["hyperlpr2", "agentclpr"]
    load = protocol.Load(module=PEERS["hyperlpr"].module, precision="", folder="", threads=1)
    with Worker(Path(sys.executable), pick_cpus(1)) as worker, pytest.raises(WorkerError, match="hyperlpr2"):
        worker.ask(load, 60)
