from __future__ import annotations

from pathlib import Path

from host.bench.runtimes import BUNDLE, OURS, TVM_VM
from host.study.variants import Artifact, variants


def test_every_row_of_the_study_is_there() -> None:
    rows = variants(dict.fromkeys(("", "light", "tiny"), Path()))
    names = [variant.name for variant in rows]
    assert len(names) == len(set(names)) == 14
    baselines = [variant.schedule for variant in rows if variant.kind == "baseline"]
    assert baselines == ["default", "graph", "metaschedule"]
    assert [variant.name for variant in rows if variant.calibrated] == [
        "PyTorch, quantized",
        "PyTorch, pruned and quantized (light)",
        "PyTorch, pruned and quantized (tiny)",
        "TVM, own tuned kernels, quantized",
        "everything together (light)",
        "everything together (tiny)",
    ]


def test_a_bundle_is_loaded_from_the_folder_it_was_built_in() -> None:
    folder = Path("made")
    for runtime, model in ((OURS, folder / BUNDLE), (TVM_VM, folder)):
        artifact = Artifact(runtime=runtime, precision="fp32", bytes=1, parameters=1, macs=1)
        assert artifact.model(folder) == model
