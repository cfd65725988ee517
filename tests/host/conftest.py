from __future__ import annotations

import pytest

from device_runtime.errors import FatalError
from host.compile.link import linker_for
from host.emulate.count import qemu_with_plugins
from host.targets.profile import Target
from host.targets.read import load_target


@pytest.fixture(scope="session")
def rpi4() -> Target:
    """A board that is linked for and emulated here."""
    target = load_target("rpi4")
    try:
        qemu_with_plugins(target)
        linker_for(target)
    except FatalError as error:
        pytest.skip(str(error))
    return target
