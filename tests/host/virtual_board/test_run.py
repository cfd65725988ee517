from __future__ import annotations

import pytest

from device_runtime.errors import FatalError
from host.virtual_board.checks import CHECKS
from host.virtual_board.run import checks_named


def test_checks_are_chosen_with_what_they_need() -> None:
    assert checks_named(None) == CHECKS
    assert [name for name, _ in checks_named("power-cuts, signature")] == [
        "start",
        "install",
        "signature",
        "power-cuts",
    ]
    with pytest.raises(FatalError, match="earthquake: is no check"):
        checks_named("signature,earthquake")
