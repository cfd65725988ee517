"""This project's own bundles, run as on a board: `device_runtime` alone."""

from __future__ import annotations

from pathlib import Path

from device_runtime.read.engine import Engine
from host.bench.runtimes import Source
from host.bench.session import Session


def convert(source: Source, precision: str, folder: Path) -> None:
    # Imports the compiler, which must not be in a process that is timed.
    from host.build import Request, build
    from host.targets.read import load_target

    target = load_target(source.target)
    build(
        Request(
            target=target,
            output=folder / "bundle",
            checkpoint=source.checkpoint,
            precision=precision,
            calibration=source.calibration,
        )
    )


def load(folder: Path, precision: str, threads: int) -> Session:
    return Engine.open(folder, threads).infer
