"""Models made ready for their runtimes: converted once, then found again by what they were made from."""

from __future__ import annotations

import hashlib
import os
import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from device_runtime import __version__
from device_runtime.board.cpu import detect
from device_runtime.bundle.manifest import read_manifest
from device_runtime.errors import FatalError
from host.bench import isa, protocol
from host.bench.client import Worker, WorkerError
from host.bench.runtimes import OURS, RUNTIMES, Runtime, Source
from host.cache import cached
from host.paths import REPOSITORY

CONVERSION_TIMEOUT_S = 1800.0
# What a bundle is made of.
_ROOMS = ("host", "lprnet", "device_runtime", "targets")


@dataclass(frozen=True)
class Variant:
    """A runtime at a precision; `bundle` is set for one that was given rather than built."""

    runtime: str
    precision: str
    bundle: Path | None = None

    @property
    def spec(self) -> Runtime:
        return RUNTIMES[self.runtime]


@dataclass(frozen=True)
class Model:
    """What a worker loads, the size of its files without the runtime, and the runtime's version."""

    variant: Variant
    folder: Path
    bytes: int
    version: str
    note: str | None


@dataclass(frozen=True)
class Place:
    """Where workers run.

    Args:
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
    variant: Variant, source: Source, place: Place, versions: Mapping[str, str], cache: Path
) -> Model:
    """The model of *variant*, from *cache* where it has been made before.

    Raises:
        WorkerError: a package is missing, the runtime has no such precision, or the conversion fails.
    """
    if variant.bundle is not None:
        return _bundle(variant, variant.bundle, place.isa)
    spec = variant.spec
    if variant.precision not in spec.precisions:
        raise WorkerError(f"has no {variant.precision}")
    needed = spec.distributions[variant.precision]
    if missing := [name for name in needed if name not in versions]:
        raise WorkerError(f"not installed: {', '.join(missing)} (pip install '.[{spec.extra}]')")
    folder = cache / f"{variant.runtime}-{variant.precision}-{_key(variant, source, versions)}"
    cached(folder, lambda work: _convert(variant, source, place, work))
    if variant.runtime == OURS:
        return _bundle(variant, folder / "bundle", place.isa)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return Model(variant, folder, size, versions[needed[0]], spec.notes.get(variant.precision))


def _convert(variant: Variant, source: Source, place: Place, folder: Path) -> None:
    request = protocol.Convert(
        variant.spec.module,
        variant.precision,
        str(source.checkpoint.resolve()),
        str(source.calibration.resolve()),
        str(folder.resolve()),
        source.isa,
        source.target,
    )
    python = Path(sys.executable) if variant.runtime == OURS else place.python
    # Small layers: torch's threads would only wait for each other, long on a machine with other work.
    with Worker(python, _any_cpu(), {"OMP_NUM_THREADS": "1"}) as worker:
        worker.ask(request, CONVERSION_TIMEOUT_S)


def _bundle(variant: Variant, path: Path, limit: str) -> Model:
    manifest = read_manifest(path)
    if limit == "avx2" and (beyond := sorted(filter(isa.beyond_avx2, manifest.target.cpu_features))):
        raise WorkerError(f"is compiled for {', '.join(beyond[:3])} (--isa avx2 wants --target x86-64-v3)")
    size = manifest.files["model.so"].bytes
    note = f"{manifest.target.name}, {manifest.schedule.text}"
    return Model(variant, path, size, __version__, note)


def _key(variant: Variant, source: Source, versions: Mapping[str, str]) -> str:
    """Hash of everything the converted files depend on."""
    spec = variant.spec
    digest = hashlib.sha256()
    for path in (source.checkpoint, source.calibration):
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    sources: list[Path] = []
    if variant.runtime == OURS:
        parts = [digest_of_sources(), source.target, *sorted(detect().features)]
    else:
        names = (
            "host/bench/peer_model.py",
            "host/bench/ranges.py",
            "lprnet/network/model.py",
            "host/network/simplify.py",
        )
        sources = [REPOSITORY / name for name in names]
        sources += (REPOSITORY / "host/bench/runtimes").glob(f"{variant.runtime}*.py")
        parts = [source.isa, *(f"{n}={versions[n]}" for n in spec.distributions[variant.precision])]
    for path in sorted(sources):
        digest.update(path.read_bytes())
    digest.update("\0".join([variant.precision, platform.machine(), *parts]).encode())
    return digest.hexdigest()[:12]


def digest_of_sources() -> str:
    """Hash of everything in this project that a bundle depends on, but weights."""
    files = (path for room in _ROOMS for path in (REPOSITORY / room).rglob("*.*"))
    digest = hashlib.sha256()
    for path in sorted(path for path in files if path.suffix in (".py", ".toml", ".json", ".cpp", ".h")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _any_cpu() -> tuple[int, ...]:
    return tuple(sorted(os.sched_getaffinity(0)))
