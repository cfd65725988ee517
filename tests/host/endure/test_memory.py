from __future__ import annotations

from pathlib import Path

import pytest

from host.endure import memory
from host.endure.memory import stays_small
from host.trial import Failed, Skipped


def test_memory_after_some_frames_and_after_more(fp32_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `lpr-host endure` does it with a million."""
    # So early, all kinds of things are still being made.
    monkeypatch.setattr(memory, "GROWN_BYTES", 1 << 30)
    assert " MB after 100 frames, at most " in stays_small(fp32_bundle, 200, settled=100)
    monkeypatch.setattr(memory, "GROWN_BYTES", -1 << 30)
    with pytest.raises(Failed, match="MB until 200"):
        stays_small(fp32_bundle, 200, settled=100)


def test_without_a_bundle_it_is_skipped(tmp_path: Path) -> None:
    with pytest.raises(Skipped, match="is no bundle"):
        stays_small(tmp_path, 200)
