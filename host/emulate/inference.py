"""Instructions of a whole inference on an emulated board."""

from __future__ import annotations

from pathlib import Path

from host.emulate.count import Counts, DataCache, count
from host.emulate.root import root_for
from host.targets import Target

GUEST = Path(__file__).with_name("count_guest.py")
PACKAGE = Path(__file__).resolve().parents[2] / "device_runtime"


def count_inference(bundle: Path, target: Target, data_cache: DataCache | None = None) -> Counts:
    """Instructions of one inference, batch 1, one thread, as the board's own Python calls it.

    The image is of zeros: which instructions run does not depend on it. What the markers and an empty call
    cost is taken off.

    Raises `FatalError` when a tool is missing, the target has no root or the bundle does not run.
    """
    root = root_for(target.arch)
    environment = {
        "PYTHONPATH": f"{root.packages}:{PACKAGE.parent}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUTF8": "1",
        "TVM_NUM_THREADS": "1",
    }
    command = [root.python, GUEST, bundle.resolve()]
    samples = count(command, target, root.path, data_cache, environment)
    (_, empty), (_, inference) = samples
    return inference - empty
