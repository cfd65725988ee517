"""Models made ready for their runtimes: converted once, then found again by what they were made from."""

from __future__ import annotations

import hashlib
import os
import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import host.network
import lprnet.network
from device_runtime import __version__
from device_runtime.board.cpu import detect
from device_runtime.bundle.manifest import read_manifest
from device_runtime.errors import FatalError
from host.bench import isa, protocol, runtimes
from host.bench.client import Worker, WorkerError
from host.bench.runtimes import BUNDLE, OURS, RUNTIMES, ModelSource, Runtime
from host.cache import cached, digest_of
from host.paths import REPOSITORY

CONVERSION_TIMEOUT_S = 1800.0
OUR_ROOMS = tuple(REPOSITORY / room for room in ("host", "lprnet", "device_runtime", "targets"))
PEER_ROOMS = tuple(Path(room.__path__[0]) for room in (runtimes, host.network, lprnet.network))
"""What bundles and what the peers' models are made by."""


@dataclass(frozen=True)
class Configuration:
    """A runtime at a precision; `bundle` is set for one that was given rather than built."""

    runtime: str
    precision: str
    bundle: Path | None = None

    def __str__(self) -> str:
        return f"{self.runtime} {self.precision}"

    @property
    def spec(self) -> Runtime:
        """What the runtime needs."""
        return RUNTIMES[self.runtime]


@dataclass(frozen=True, kw_only=True)
class Model:
    """What a worker loads.

    Attributes:
        bytes: size of the files, without the runtime.
        version: the runtime's.
        note: what else one should know to read its figures.
    """

    configuration: Configuration
    folder: Path
    bytes: int
    version: str
    note: str | None = None


@dataclass(frozen=True)
class Place:
    """Where workers run.

    Attributes:
        python: interpreter with the peers' packages; the project's own runtime uses this process's.
        mask_library: see `host.bench.isa`.
    """

    python: Path
    isa: str
    mask_library: Path | None

    def worker(self, runtime: str, cpus: tuple[int, ...]) -> Worker:
        """A process for *runtime*.

        Raises:
            WorkerError: the runtime cannot be kept to the instructions asked for.
        """
        environment = isa.environment(RUNTIMES[runtime], self.isa, self.mask_library is not None)
        # Bundles are compiled for what they may use.
        if environment is None and runtime != OURS:
            raise WorkerError(f"has no switch that keeps it to {self.isa}, and this CPU cannot hide the rest")
        python = Path(sys.executable) if runtime == OURS else self.python
        return Worker(python, cpus, environment, self.mask_library)


def installed(python: Path) -> dict[str, str]:
    """Versions of the peers' distributions that *python* finds.

    Raises:
        FatalError: *python* does not run the benchmark's workers.
    """
    names = {name for spec in RUNTIMES.values() for names in spec.distributions.values() for name in names}
    try:
        with Worker(python, _any_cpu()) as worker:
            reply = worker.ask(protocol.Versions(tuple(sorted(names))), 60)
    except (OSError, WorkerError) as error:
        raise FatalError(
            str(python), f"cannot run workers: {error}", "run make bench, or give --python"
        ) from None
    assert isinstance(reply, protocol.Installed)
    return reply.versions


def prepare(
    configuration: Configuration, source: ModelSource, place: Place, versions: Mapping[str, str], cache: Path
) -> Model:
    """The model of *configuration*, from *cache* where it has been made before.

    Raises:
        WorkerError: a package is missing, the runtime has no such precision, or the conversion fails.
    """
    if configuration.bundle is not None:
        return _bundle(configuration, configuration.bundle, place.isa)
    spec = configuration.spec
    if configuration.precision not in spec.precisions:
        raise WorkerError(f"has no {configuration.precision}")
    needed = spec.distributions[configuration.precision]
    if missing := [name for name in needed if name not in versions]:
        raise WorkerError(f"not installed: {', '.join(missing)} (pip install '.[{spec.extra}]')")
    key = _key(configuration, source, versions)
    folder = cache / f"{configuration.runtime}-{configuration.precision}-{key}"
    cached(folder, lambda work: _convert(configuration, source, place, work))
    if configuration.runtime == OURS:
        return _bundle(configuration, folder / BUNDLE, place.isa)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return Model(
        configuration=configuration,
        folder=folder,
        bytes=size,
        version=versions[needed[0]],
        note=spec.notes.get(configuration.precision),
    )


def _convert(configuration: Configuration, source: ModelSource, place: Place, folder: Path) -> None:
    request = protocol.Convert(
        module=configuration.spec.module,
        precision=configuration.precision,
        checkpoint=str(source.checkpoint.resolve()),
        calibration=str(source.calibration.resolve()),
        folder=str(folder.resolve()),
        isa=source.isa,
        target=source.target,
    )
    python = Path(sys.executable) if configuration.runtime == OURS else place.python
    # Small layers: torch's threads would only wait for each other, long on a machine with other work.
    with Worker(python, _any_cpu(), {"OMP_NUM_THREADS": "1"}) as worker:
        worker.ask(request, CONVERSION_TIMEOUT_S)


def _bundle(configuration: Configuration, path: Path, limit: str) -> Model:
    manifest = read_manifest(path)
    if limit == "avx2" and (beyond := sorted(filter(isa.beyond_avx2, manifest.target.cpu_features))):
        raise WorkerError(f"is compiled for {', '.join(beyond[:3])} (--isa avx2 wants --target x86-64-v3)")
    return Model(
        configuration=configuration,
        folder=path,
        bytes=manifest.files["model.so"].bytes,
        version=__version__,
        note=f"{manifest.target.name}, {manifest.schedule.text}",
    )


def _key(configuration: Configuration, source: ModelSource, versions: Mapping[str, str]) -> str:
    """Hash of everything the converted files depend on."""
    spec = configuration.spec
    if configuration.runtime == OURS:
        parts = [digest_of_sources(), source.target, *sorted(detect().features)]
    else:
        distributions = spec.distributions[configuration.precision]
        parts = [_digest(PEER_ROOMS), source.isa, *(f"{name}={versions[name]}" for name in distributions)]
    digest = hashlib.sha256()
    for path in (source.checkpoint, source.calibration):
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    digest.update("\0".join([configuration.precision, platform.machine(), *parts]).encode())
    return digest.hexdigest()[:12]


def digest_of_sources() -> str:
    """Hash of everything in this project that a bundle depends on, but weights and calibration images."""
    return _digest(OUR_ROOMS)


@cache
def _digest(rooms: tuple[Path, ...]) -> str:
    return digest_of(rooms)


def _any_cpu() -> tuple[int, ...]:
    return tuple(sorted(os.sched_getaffinity(0)))
