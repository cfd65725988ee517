from pathlib import Path

import pytest

from device_runtime.errors import FatalError
from lprnet.data.dataset import Labelled
from lprnet.data.split import split


def test_split_is_even_and_stable() -> None:
    items = [Labelled(Path(f"{i}.png"), "京") for i in range(100)]
    parts = split(items, 0.1)
    assert len(parts.held_out) == 10 and len(parts.train) == 90
    assert set(parts.train) | set(parts.held_out) == set(items)
    assert split(items, 0.0).held_out == []
    with pytest.raises(FatalError, match="none left"):
        split([], 0.1)
