from __future__ import annotations

from pathlib import Path

import pytest

from host.endure import kills
from host.endure.kills import outlives_kills
from host.trial import Failed


def test_killed_at_random_moments_nothing_is_lost_or_twice(tmp_path: Path) -> None:
    """As `lpr-host endure` does it with 200 kills."""
    assert outlives_kills(12, tmp_path).startswith("12 kills, ")


def test_a_host_that_takes_nothing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kills, "FAULTS", [503])
    monkeypatch.setattr(kills, "_DRAINED_S", 0.0)
    with pytest.raises(Failed, match="the host has not got everything after 0 s"):
        # With this seed the sender is killed after its first item, not while it starts.
        outlives_kills(1, tmp_path, seed=0)
