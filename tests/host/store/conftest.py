"""Stores in both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from host.store.store import Store, open_store


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database that does not exist yet, or is empty."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/lpr.db"
    return str(request.getfixturevalue("postgresql").new_database())


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    """An empty store."""
    with open_store(url) as opened:
        yield opened
