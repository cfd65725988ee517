from __future__ import annotations

import pytest

from device_runtime.errors import FatalError
from host.virtual_board.checks import CHECKS
from host.virtual_board.machine import Failed
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


def test_a_failure_is_one_line() -> None:
    assert str(Failed("`make`\nended with 2:\n\n  no  rule")) == "`make` ended with 2: no rule"
    assert len(str(Failed("x" * 9999))) == 400
