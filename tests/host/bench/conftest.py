from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from device_runtime.sources.files import image_files
from host.build import Request, build
from host.paths import SAMPLES
from host.targets.read import load_target
from tests.checkpoints import written


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained network on disk."""
    return written(tmp_path_factory.mktemp("weights") / "random.safetensors")


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of three sample plates."""
    folder = tmp_path_factory.mktemp("images")
    for path in image_files([SAMPLES])[:3]:
        shutil.copy(path, folder)
    return folder


@pytest.fixture(scope="session")
def bundle(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of the untrained network for this machine."""
    folder = tmp_path_factory.mktemp("bundle") / "native"
    return build(Request(target=load_target("native"), output=folder, checkpoint=weights, precision="fp32"))
