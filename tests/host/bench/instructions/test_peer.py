from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from host.bench.instructions import peer
from host.bench.runtimes import ModelSource, torch_peer
from host.paths import REPOSITORY


def test_a_peers_inference_is_called_without_arguments(weights: Path, tmp_path: Path) -> None:
    source = ModelSource(checkpoint=weights, calibration=tmp_path, isa="native", target="native")
    torch_peer.convert(source, "fp32", tmp_path)
    inference = peer.load(torch_peer.__name__, "fp32", str(tmp_path))
    logits = inference()
    assert getattr(logits, "shape", ())[::2] == (1, 18)


@pytest.mark.parametrize(
    "module", ["host.bench.instructions.peer", "host.emulate.guests.bundle", "host.emulate.guests.pipeline"]
)
def test_a_guest_imports_nothing_that_a_board_has_not(module: str) -> None:
    poisoned = "import sys; sys.modules.update(dict.fromkeys(['torch', 'tvm', 'lprnet', 'rich'])); "
    code = f"{poisoned}import {module}, host.emulate.guests.count"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=REPOSITORY)
