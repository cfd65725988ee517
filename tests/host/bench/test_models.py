from __future__ import annotations

import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

import msgspec
import numpy as np
import pytest

from device_runtime.bundle.manifest import read_manifest
from host.bench import models
from host.bench.client import WorkerError
from host.bench.models import Configuration, Place
from host.bench.runtimes import OURS, ModelSource
from host.bundle.folder import write_manifest


def source_of(weights: Path, calibration: Path, isa: str = "native", target: str = "native") -> ModelSource:
    return ModelSource(checkpoint=weights, calibration=calibration, isa=isa, target=target)


def test_second_run_converts_nothing(weights: Path, tmp_path: Path) -> None:
    calibration = tmp_path / "calibration.npy"
    np.save(calibration, np.zeros((1, 3, 24, 94), np.float32))
    source = source_of(weights, calibration)
    place = Place(Path(sys.executable), "native", None)
    configuration = Configuration("torch", "fp32")
    versions = models.installed(place.python)
    first = models.prepare(configuration, source, place, versions, tmp_path)
    written = (first.folder / "model.pt").stat().st_mtime_ns
    again = models.prepare(configuration, source, place, versions, tmp_path)
    assert again == first and (again.folder / "model.pt").stat().st_mtime_ns == written
    np.save(calibration, np.ones((1, 3, 24, 94), np.float32))
    assert models.prepare(configuration, source, place, versions, tmp_path).folder != first.folder


def test_failed_conversion_leaves_nothing(weights: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    source = source_of(weights, weights, target="no-such-board")
    place = Place(Path(sys.executable), "native", None)
    with pytest.raises(WorkerError, match="no-such-board"):
        models.prepare(Configuration(OURS, "fp32"), source, place, {}, cache)
    assert not list(cache.iterdir())


def test_bundle_beyond_the_limit_is_left_out(bundle: Path, weights: Path, tmp_path: Path) -> None:
    manifest = read_manifest(bundle)
    needs = (*manifest.target.cpu_features, "avx512_vnni")
    target = msgspec.structs.replace(manifest.target, cpu_features=needs)
    copy = shutil.copytree(bundle, tmp_path / "vnni")
    write_manifest(copy, msgspec.structs.replace(manifest, target=target))
    place = Place(Path(sys.executable), "avx2", None)
    source = source_of(weights, weights, isa="avx2")
    with pytest.raises(WorkerError, match=r"avx512.*--target x86-64-v3"):
        models.prepare(Configuration(OURS, "fp32", copy), source, place, {}, tmp_path)


def test_what_peers_are_converted_by_is_among_what_is_hashed() -> None:
    for name in ("host.bench.runtimes.peer_model", "host.bench.runtimes.litert_graph",
                 "host.bench.runtimes.ranges", "host.network.simplify", "lprnet.network.model"):  # fmt: skip
        spec = find_spec(name)
        assert spec is not None and spec.origin is not None
        assert any(Path(spec.origin).is_relative_to(room) for room in models.PEER_ROOMS)
