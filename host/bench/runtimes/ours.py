"""This project's own bundles, run as on a board: `device_runtime` alone."""

from __future__ import annotations

from pathlib import Path

from device_runtime.read.engine import Engine
from host.bench.runtimes import BUNDLE, ModelSource
from host.bench.runtimes.infer import Infer


def convert(source: ModelSource, precision: str, folder: Path) -> None:
    # Imports the compiler, which must not be in a process that is timed.
    from host.build import Request, build
    from host.targets.read import load_target

    request = Request(
        target=load_target(source.target),
        output=folder / BUNDLE,
        checkpoint=source.checkpoint,
        precision=precision,
        calibration=source.calibration,
        locator=None,
    )
    build(request)


def load(folder: Path, precision: str, threads: int) -> Infer:
    return Engine.open(folder, threads).infer
