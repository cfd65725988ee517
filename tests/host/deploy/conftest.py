from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.host.deploy.boards import Network, network


@pytest.fixture(scope="session")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    """Keys of a user, and ssh's configuration."""
    with network(tmp_path_factory.mktemp("net")) as made:
        yield made
