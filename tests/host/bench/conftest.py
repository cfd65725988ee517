from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def bundle(fp32_bundle: Path) -> Path:
    """A bundle of the untrained network for this machine, not to be changed."""
    return fp32_bundle
