"""Instructions of a whole inference on an emulated board."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from host.emulate.count import Counts, DataCache, count
from host.emulate.guests import bundle as bundle_guest
from host.emulate.guests import count as count_guest
from host.emulate.guests import pipeline as pipeline_guest
from host.emulate.root import Root, root_for
from host.paths import REPOSITORY
from host.targets.profile import Target


def count_bundles(
    bundles: Sequence[Path], target: Target, data_cache: DataCache | None = None
) -> list[Counts]:
    """Instructions of one inference of each of *bundles*, batch 1, one thread, called by a board's Python.

    The image is of zeros: which instructions run does not depend on it.

    Raises:
        FatalError: a tool is missing, the target has no root or a bundle does not run.
    """
    folders = [str(bundle.resolve()) for bundle in bundles]
    return _counted(bundle_guest, folders, target, root_for(target.arch), data_cache)


def count_pipeline(
    bundle: Path, frame: Path, target: Target, data_cache: DataCache | None = None
) -> dict[str, Counts]:
    """Instructions from a frame to the texts of its plates by *bundle*, and of each of `pipeline.PARTS`.

    One thread, as the board's own Python calls them, NumPy, OpenCV and the interpreter included. The whole is
    under `pipeline.WHOLE`; what is in none of the parts is the rest of it. Golden maps are checked before.

    Args:
        frame: `.npy` file, uint8[H,W,3], with a plate.

    Raises:
        FatalError: a tool is missing, the target has no root, or the bundle does not run, computes something
            else or finds no plate.
    """
    arguments = [str(bundle.resolve()), str(frame.resolve())]
    counted = _counted(pipeline_guest, arguments, target, root_for(target.arch), data_cache)
    return dict(zip((*pipeline_guest.PARTS, pipeline_guest.WHOLE), counted, strict=True))


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
    (counted,) = _counted(loader, arguments, target, root, data_cache)
    return counted


def _counted(
    loader: ModuleType, arguments: Sequence[str], target: Target, root: Root, data_cache: DataCache | None
) -> list[Counts]:
    """Instructions of each of the functions that `loader.load(*arguments)` returns, in one process."""
    environment = {
        "PYTHONPATH": f"{root.packages}:{REPOSITORY}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUTF8": "1",
        "TVM_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        # The order of sets, and with it what is looked up.
        "PYTHONHASHSEED": "0",
    }
    command: list[str | Path] = [root.python, Path(str(count_guest.__file__)), loader.__name__, *arguments]
    (_, empty), *counted = count(command, target, root.path, data_cache, environment)
    return [counts - empty for _, counts in counted]
