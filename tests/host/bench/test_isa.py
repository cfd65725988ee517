from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from host.bench import isa
from host.bench.client import WorkerError
from host.bench.measure import pick_cpus
from host.bench.models import Place
from host.bench.runtimes import RUNTIMES


def test_runtime_without_a_switch_needs_cpuid_faulting() -> None:
    onnxruntime, openvino = RUNTIMES["onnxruntime"], RUNTIMES["openvino"]
    assert isa.environment(onnxruntime, "avx2", masked=False) is None
    assert isa.environment(onnxruntime, "avx2", masked=True) == {}
    assert isa.environment(openvino, "avx2", masked=False) == {"ONEDNN_MAX_CPU_ISA": "AVX2"}
    with pytest.raises(WorkerError, match="has no switch"):
        Place(Path(sys.executable), "avx2", None).worker("onnxruntime", pick_cpus(1))


FEATURES = """
import ctypes, sys
print(ctypes.CDLL(sys.argv[1]).mask_cpuid())
from numpy._core._multiarray_umath import __cpu_features__ as features
print(sorted(name for name, has in features.items() if has))
"""


def test_mask_hides_what_is_newer_than_avx2(tmp_path: Path) -> None:
    library = isa.mask_library(tmp_path)
    if library is None:
        pytest.skip("this CPU or kernel has no CPUID faulting")
    command = [sys.executable, "-c", FEATURES, str(library)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    status, features = done.stdout.splitlines()
    assert status == "0" and "'AVX2'" in features and "'FMA3'" in features and "AVX512" not in features


def test_masked_process_still_crashes_on_a_bad_pointer(tmp_path: Path) -> None:
    library = isa.mask_library(tmp_path)
    if library is None:
        pytest.skip("this CPU or kernel has no CPUID faulting")
    crash = "import ctypes, sys; ctypes.CDLL(sys.argv[1]).mask_cpuid(); ctypes.string_at(1)"
    done = subprocess.run([sys.executable, "-c", crash, str(library)], check=False, timeout=30)
    assert done.returncode == -signal.SIGSEGV
