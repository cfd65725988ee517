"""The bundle that ships by default, built once for the same sources, weights and machine."""

from __future__ import annotations

import hashlib
from pathlib import Path

from device_runtime.board.cpu import detect
from host.bench.models import digest_of_sources
from host.bench.runtimes import BUNDLE
from host.build import Request, build
from host.cache import cached
from host.targets.read import load_target
from lprnet import weights


def built(target: str, cache: Path) -> Path:
    """The bundle for *target*, below *cache*.

    Raises:
        FatalError: it cannot be built.
    """
    digest = hashlib.sha256("\0".join([digest_of_sources(), target, *sorted(detect().features)]).encode())
    for path in (weights.of_recipe(load_target(target).recipe.pruning), weights.LOCATOR):
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    folder = cache / f"lpr-edge-pipeline-{digest.hexdigest()[:12]}"

    def fill(work: Path) -> None:
        build(Request(target=load_target(target), output=work / BUNDLE))

    return cached(folder, fill) / BUNDLE
