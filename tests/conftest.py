"""Loaded before any test module: what tests of all rooms share, and what parallel workers share."""

import logging
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import hypothesis
import pytest
import torch

# A bundle's copy of TVM's runtime and the tvm package's cannot live in one process; loaded first, the
# package's is what device_runtime uses too. Tests of the bundle's own copy start a process of their own.
import tvm  # noqa: F401

from device_runtime.sources.files import image_files
from host.build import Request, build
from host.paths import SAMPLES
from host.targets.read import load_target
from lprnet.console import LOGGERS
from lprnet.threads import one_operator_at_a_time
from tests.checkpoints import written
from tests.postgresql import Postgresql, programs, running
from tests.sharing import Exclusively, exclusively_in, shares

# How long an example takes depends on what else the machine is doing.
hypothesis.settings.register_profile(
    "untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("untimed")

IS_WORKER = "PYTEST_XDIST_WORKER" in os.environ

# Workers that share two cores would wait for each other's threads, and so would the programs they start.
one_operator_at_a_time(1 if IS_WORKER else torch.get_num_threads())
if IS_WORKER:
    os.environ["OMP_NUM_THREADS"] = "1"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Each worker begins with files that have slow tests: what is left at the end, and stolen, is quick."""
    if IS_WORKER:
        files = [list(tests) for _, tests in groupby(items, key=lambda item: item.path)]
        slow = [sum(item.get_closest_marker("slow") is not None for item in tests) for tests in files]
        workers = int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
        items[:] = shares(list(zip(slow, files, strict=True)), workers)


@pytest.fixture(autouse=True)
def loggers_as_before() -> Iterator[None]:
    """What a command run by a test set up for its log does not reach the next test."""
    before = {name: (logging.getLogger(name).level, logging.getLogger(name).handlers) for name in LOGGERS}
    yield
    for name, (level, handlers) in before.items():
        logging.getLogger(name).setLevel(level)
        logging.getLogger(name).handlers = handlers


@pytest.fixture(scope="session")
def shared() -> Path:
    """Public checkpoint and real plates, which are not part of the project."""
    folder = Path(os.environ.get("LPR_SHARED") or Path(__file__).parent.parent.parent / "shared")
    if not (folder / "data").is_dir():
        pytest.skip(f"no real plates in {folder}; name their folder with LPR_SHARED")
    return folder


@pytest.fixture(scope="session")
def exclusively(tmp_path_factory: pytest.TempPathFactory) -> Exclusively:
    """For what is made once for all parallel workers: the first makes it, the others wait and find it."""
    folder = tmp_path_factory.getbasetemp()
    # Each worker has a folder of its own in the run's.
    return exclusively_in((folder.parent if IS_WORKER else folder) / "once")


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Postgresql]:
    """A PostgreSQL server; a test that stops it starts it again."""
    found = programs()
    if found is None:
        pytest.skip("there is no PostgreSQL here; apt install postgresql")
    with running(found) as server:
        yield server


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
def bundle_of_users(exclusively: Exclusively) -> Path:
    """What `make build` builds for this machine: the recipe's; not to be changed."""
    with exclusively("bundle-of-users") as folder:
        return folder if folder.exists() else build(Request(target=load_target("native"), output=folder))


@pytest.fixture(scope="session")
def fp32_bundle(weights: Path, exclusively: Exclusively) -> Path:
    """A bundle of the untrained network for this machine; not to be changed."""
    request = Request(
        target=load_target("native"), output=Path(), checkpoint=weights, precision="fp32", locator=None
    )
    with exclusively("fp32-bundle") as folder:
        return folder if folder.exists() else build(replace(request, output=folder))
