from __future__ import annotations

from pathlib import Path

import pytest

from device_runtime.errors import FatalError
from lprnet.weights import DEFAULT, LOCATOR, networks, of_recipe, reader_of, readers, shipped


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Weights of three readers, the second without a light network, the third with a tiny one alone."""
    for name in ("lprnet", "light", "tiny", "latin", "latin-tiny", "kr-tiny", "locator"):
        (tmp_path / f"{name}.safetensors").touch()
    (tmp_path / "latin-tiny.json").touch()
    return tmp_path


def test_readers_are_found_by_their_files(folder: Path) -> None:
    assert readers(folder) == ("cn", "kr", "latin")
    assert list(networks("cn", folder)) == ["none", "light", "tiny"]
    assert [path.name for path in networks("latin", folder).values()] == [
        "latin.safetensors",
        "latin-tiny.safetensors",
    ]
    assert of_recipe("tiny", "latin", folder).name == "latin-tiny.safetensors"
    assert list(networks("kr", folder)) == ["tiny"]
    assert of_recipe("tiny", folder=folder).name == "tiny.safetensors"


def test_a_missing_network_is_named_and_what_there_is(folder: Path) -> None:
    with pytest.raises(FatalError, match="latin: has no network pruned to light – choose --pruning none"):
        of_recipe("light", "latin", folder)
    with pytest.raises(FatalError, match="kr: has no unpruned network – choose --pruning tiny"):
        of_recipe("none", "kr", folder)
    with pytest.raises(FatalError, match="reader moon: no such weights are shipped – choose cn or kr or lat"):
        of_recipe("tiny", "moon", folder)


def test_shipped_networks_know_their_reader(tmp_path: Path) -> None:
    assert reader_of(DEFAULT) == "cn"
    assert reader_of(of_recipe("tiny", "kr")) == "kr"
    assert reader_of(LOCATOR) is None
    assert reader_of(tmp_path / "lprnet.safetensors") is None
    assert DEFAULT in shipped() and LOCATOR not in shipped()
