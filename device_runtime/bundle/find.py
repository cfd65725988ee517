"""Where the bundle is when nobody says so."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from device_runtime.bundle.manifest import MANIFEST_NAME
from device_runtime.errors import FatalError


def default_bundle() -> Path:
    """This folder if it is a bundle, else $LPR_BUNDLE, else the folder `venv/` was installed in.

    Raises:
        FatalError: none of them.
    """
    places = [Path(), Path(sys.prefix).parent]
    if named := os.environ.get("LPR_BUNDLE"):
        places.insert(1, Path(named))
    for place in places:
        if (place / MANIFEST_NAME).is_file():
            return place
    raise FatalError("--bundle", "is not given and no bundle is here", "name a bundle folder")
