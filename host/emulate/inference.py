"""Instructions of a whole inference on an emulated board."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from host.emulate.count import Counts, DataCache, count
from host.emulate.guests import bundle as bundle_guest
from host.emulate.guests import count as count_guest
from host.emulate.guests import locator as locator_guest
from host.emulate.root import Root, root_for
from host.paths import REPOSITORY
from host.targets.profile import Target


def count_bundle(bundle: Path, target: Target, data_cache: DataCache | None = None) -> Counts:
    """Instructions of one inference of *bundle*, batch 1, one thread, as the board's own Python calls it.

    The image is of zeros: which instructions run does not depend on it.

    Raises:
        FatalError: a tool is missing, the target has no root or the bundle does not run.
    """
    root = root_for(target.arch)
    return count_inference(bundle_guest, [str(bundle.resolve())], target, root, data_cache)


LOCATOR_PARTS = ("letterbox", "find", "refine")
"""What finding is made of: a 1080p frame scaled, the first network, and the second one for each place."""


def count_locator(bundle: Path, target: Target, data_cache: DataCache | None = None) -> dict[str, Counts]:
    """Instructions of each of `LOCATOR_PARTS` of *bundle*, one thread; golden maps are checked before.

    Raises:
        FatalError: a tool is missing, the target has no root, or the locator does not run or computes
            something else.
    """
    root, folder = root_for(target.arch), str(bundle.resolve())
    return {
        part: count_inference(locator_guest, [folder, part], target, root, data_cache)
        for part in LOCATOR_PARTS
    }


def count_inference(
    loader: ModuleType,
    arguments: Sequence[str],
    target: Target,
    root: Root,
    data_cache: DataCache | None = None,
) -> Counts:
    """Instructions of what `loader.load(*arguments)` returns, called on the emulated board.

    What the markers and an empty call cost is taken off.

    Args:
        loader: imports nothing but what *root* has.

    Raises:
        FatalError: a tool is missing or the loader or its inference fails.
    """
    environment = {
        "PYTHONPATH": f"{root.packages}:{REPOSITORY}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUTF8": "1",
        "TVM_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }
    command: list[str | Path] = [root.python, Path(str(count_guest.__file__)), loader.__name__, *arguments]
    (_, empty), (_, counted) = count(command, target, root.path, data_cache, environment)
    return counted - empty
