from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from host.store.store import Store, open_store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store."""
    with open_store(f"sqlite:///{tmp_path}/lpr.db") as opened:
        yield opened
