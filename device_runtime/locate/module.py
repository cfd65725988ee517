"""The locator that a bundle brings, compiled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from struct import Struct

import numpy as np

from device_runtime.bundle.locator_golden import read_locator_golden
from device_runtime.bundle.manifest import LocatorInfo
from device_runtime.bundle.verify import Bundle
from device_runtime.errors import FatalError
from device_runtime.locate.geometry import GREY, VIEW_HEIGHT, VIEW_WIDTH, Fit
from device_runtime.locate.letterbox import at_least_two, letterbox, tables
from device_runtime.locate.locator import Locator, Scoring, Search
from device_runtime.locate.warp import COUNT, Homography, numbers, warp
from device_runtime.model.abi import Kernel, Module
from device_runtime.model.images import ImageModel
from device_runtime.model.memory import aligned_empty
from device_runtime.sources.image import Image

LETTERBOX, WARP = "letterbox_kernel", "warp_kernel"
SHAPES = 32
"""Shapes of frames and of their tiles that a letterbox keeps its tables for."""


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
    module = Module(bundle.locator, bundle.path, threads, bundle.opened)
    networks = {
        name: ImageModel(module, name, network.takes, channels=network.channels, stride=network.stride)
        for name, network in (("find", info.find), ("refine", info.refine))
    }
    check_golden(bundle, info, networks)
    scaled = Letterbox(module, networks["find"])
    warped = Warped(module, networks["refine"])
    _check_images(bundle, info, scaled, warped)
    return Locator(
        find=networks["find"],
        refine=networks["refine"],
        letterbox=scaled,
        warp=warped,
        scoring=Scoring(find=info.scoring.find, refine=info.scoring.refine, offset=info.scoring.offset),
        search=_search(info),
    )


_NUMBERS = Struct(f"={COUNT}i")
"""Of `warp.Numbers`; quicker than NumPy's conversion of a few numbers."""


class Letterbox:
    """`locate.letterbox.letterbox` compiled, which writes to where *find* reads.

    Args:
        module: it is in.
        find: of the same module.
    """

    def __init__(self, module: Module, find: ImageModel) -> None:
        self._module, self._find = module, find
        self._kernels: dict[tuple[int, int, Fit], tuple[Kernel, Image]] = {}

    def __call__(self, frame: Image, to: Fit) -> Image:
        """*frame* uint8[h,w,3] as an input uint8[height,width,3], which the next one of its size overwrites.

        Raises:
            FatalError: *find* takes no such input, or TVM reported an error.
        """
        frame = at_least_two(frame)
        key = (*frame.shape[:2], to)
        known = self._kernels.get(key)
        if known is None:
            if len(self._kernels) == SHAPES:
                del self._kernels[next(iter(self._kernels))]
            target = self._find.input(to.height, to.width)
            arrays = (frame, *tables(frame.shape[1], frame.shape[0], to), target)
            known = self._kernels[key] = Kernel(self._module, LETTERBOX, arrays), target
        kernel, target = known
        kernel(frame)
        return target


class Warped:
    """`locate.warp.warp` compiled, which writes views to where *refine* reads.

    Args:
        module: it is in.
        refine: of the same module.
    """

    def __init__(self, module: Module, refine: ImageModel) -> None:
        self._module = module
        self._view = refine.input(VIEW_HEIGHT, VIEW_WIDTH)
        self._whole, self._scale = aligned_empty((COUNT,), np.int32), aligned_empty((1,))
        self._kernels: dict[tuple[int, int], tuple[Kernel, Image]] = {}

    def __call__(
        self, picture: Image, to_picture: Homography, size: tuple[int, int], beside: int | None = None
    ) -> Image:
        """As `warp`; the next call for that *size* overwrites the result.

        Raises:
            FatalError: TVM reported an error.
        """
        picture = at_least_two(picture)
        known = self._kernels.get(size)
        if known is None:
            if len(self._kernels) == SHAPES:
                del self._kernels[next(iter(self._kernels))]
            width, height = size
            views = self._view.shape[1::-1] == size
            target = self._view if views else aligned_empty((height, width, 3), np.uint8)
            kernel = Kernel(self._module, WARP, (picture, self._whole, self._scale, target))
            known = self._kernels[size] = kernel, target
        kernel, target = known
        whole, scale = numbers(to_picture, size, beside)
        _NUMBERS.pack_into(self._whole.data, 0, *whole)
        self._scale[0] = scale
        kernel(picture)
        return target


def _check_images(bundle: Bundle, info: LocatorInfo, letterboxed: Letterbox, warped: Warped) -> None:
    """See whether what is compiled does with a golden image what the references do.

    Raises:
        FatalError: it does something else.
    """
    image = read_locator_golden(bundle.path, info)[0].image
    network = info.find
    size = (network.least_width - 1, network.least_height - 2)
    scale = (size[0] / image.shape[1], size[1] / image.shape[0])
    to = Fit(network.least_width, network.least_height, size, scale)
    turned: Homography = (0.7, -0.1, 5.3, 0.2, 0.9, -7.1, 1e-3, 5e-4, 0.9)
    view = VIEW_WIDTH, VIEW_HEIGHT
    same = np.array_equal(letterboxed(image, to), letterbox(image, to))
    if not (same and np.array_equal(warped(image, turned, view, GREY), warp(image, turned, view, GREY))):
        name = bundle.manifest.target.name
        raise FatalError(
            f"bundle for target {name}",
            "frames are scaled or cut to something else than on the host",
            f"run 'make target={name} build' on the host and copy that",
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
        again=given.again,
        threshold=given.threshold,
    )
