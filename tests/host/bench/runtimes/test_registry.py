from __future__ import annotations

from importlib.util import find_spec

from host.bench.runtimes import ARM_PEERS, OURS, PEERS, RUNTIMES, TORCH_INT8, TVM_VM
from host.precision import PRECISIONS


def test_every_runtime_is_ours_a_peer_or_a_baseline() -> None:
    assert sorted(RUNTIMES) == sorted((OURS, *PEERS, TORCH_INT8, TVM_VM))
    assert set(ARM_PEERS) <= set(PEERS)


def test_every_runtime_has_a_module_and_known_precisions() -> None:
    for runtime in RUNTIMES.values():
        assert find_spec(runtime.module) is not None
        assert runtime.precisions and set(runtime.precisions) <= set(PRECISIONS)
        assert set(runtime.notes) <= set(runtime.precisions)
