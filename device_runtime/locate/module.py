"""The locator that a bundle brings, compiled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from device_runtime.bundle.locator_golden import read_locator_golden
from device_runtime.bundle.manifest import LocatorInfo
from device_runtime.bundle.verify import Bundle
from device_runtime.errors import FatalError
from device_runtime.locate.locator import Locator, Scoring, Search
from device_runtime.model.abi import Module
from device_runtime.model.images import ImageModel


def open_locator(bundle: Bundle, threads: int = 1) -> Locator | None:
    """Load the locator of *bundle* and check it on its golden inputs; None where the bundle has none.

    Args:
        threads: for the module's parallel loops, in the whole process.

    Raises:
        FatalError: the module cannot be loaded, or computes something else here.
    """
    info = bundle.manifest.locator
    if info is None or bundle.locator is None:
        return None
    module = Module(bundle.locator, bundle.path, threads)
    networks = {
        name: ImageModel(module, name, network.takes, channels=network.channels, stride=network.stride)
        for name, network in (("find", info.find), ("refine", info.refine))
    }
    check_golden(bundle, info, networks)
    return Locator(
        find=networks["find"],
        refine=networks["refine"],
        scoring=Scoring(find=info.scoring.find, refine=info.scoring.refine, offset=info.scoring.offset),
        search=_search(info),
    )


def check_golden(bundle: Bundle, info: LocatorInfo, networks: Mapping[str, ImageModel]) -> float:
    """Run the golden inputs.

    Args:
        info: the manifest's locator.
        networks: by name.

    Returns:
        The largest absolute difference from the host's outputs.

    Raises:
        FatalError: it is beyond the manifest's tolerance, or not a number.
    """
    worst = 0.0
    for golden in read_locator_golden(bundle.path, info):
        difference = float(np.abs(networks[golden.network](golden.image) - golden.output).max())
        # A comparison with NaN is false, so that NaN fails too.
        if not difference <= info.golden.atol:
            name = bundle.manifest.target.name
            raise FatalError(
                f"bundle for target {name}",
                f"golden outputs of {golden.network} are off by {difference:.3g}, more than "
                f"{info.golden.atol:.3g}",
                f"run 'make target={name} build' on the host and copy that",
            )
        worst = max(worst, difference)
    return worst


def _search(info: LocatorInfo) -> Search:
    given, area = info.search, info.find.area or info.find.height * info.find.width
    return replace(
        Search(),
        area=area,
        proposing=given.proposing,
        sure=given.sure,
        clear=given.clear,
        doubtful=given.doubtful,
        threshold=given.threshold,
    )
