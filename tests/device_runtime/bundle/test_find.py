from __future__ import annotations

import sys
from pathlib import Path

import pytest

from device_runtime.bundle.find import default_bundle
from device_runtime.errors import FatalError


def test_where_the_bundle_is_looked_for(
    pristine_bundle: Path, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    monkeypatch.delenv("LPR_BUNDLE", raising=False)
    with pytest.raises(FatalError, match="--bundle: is not given and no bundle is here"):
        default_bundle()
    monkeypatch.setattr(sys, "prefix", str(pristine_bundle / "venv"))
    assert default_bundle() == pristine_bundle
    monkeypatch.setenv("LPR_BUNDLE", str(bundle))
    assert default_bundle() == bundle
    monkeypatch.chdir(pristine_bundle)
    assert default_bundle() == Path()
