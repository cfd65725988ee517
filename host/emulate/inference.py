"""Instructions of a whole inference on an emulated board."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from host.emulate.count import Counts, DataCache, count
from host.emulate.root import Root, root_for
from host.paths import REPOSITORY
from host.targets.profile import Target

GUEST = Path(__file__).parent / "guests" / "count.py"


def count_inference(bundle: Path, target: Target, data_cache: DataCache | None = None) -> Counts:
    """Instructions of one inference, batch 1, one thread, as the board's own Python calls it.

    The image is of zeros: which instructions run does not depend on it. What the markers and an empty call
    cost is taken off.

    Raises `FatalError` when a tool is missing, the target has no root or the bundle does not run.
    """
    return count_guest(GUEST, [str(bundle.resolve())], target, root_for(target.arch), data_cache)


def count_guest(
    script: Path,
    arguments: Sequence[str],
    target: Target,
    root: Root,
    data_cache: DataCache | None = None,
) -> Counts:
    """What the Python *script* counts under its label 1, less what it counts under its label 0.

    Raises `FatalError` when a tool is missing or the script fails.
    """
    environment = {
        "PYTHONPATH": f"{root.packages}:{REPOSITORY}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUTF8": "1",
        "TVM_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }
    samples = count([root.python, script, *arguments], target, root.path, data_cache, environment)
    (_, empty), (_, counted) = samples
    return counted - empty
