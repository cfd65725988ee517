"""The two shared libraries a board needs to run a module: TVM's runtime and its foreign-function core."""

from __future__ import annotations

import platform
from pathlib import Path

from host.paths import CACHE
from host.runtime_libs import sources, wheels
from host.runtime_libs.libraries import RuntimeLibs
from host.targets.profile import Target

WHEEL_ARCHITECTURES = ("x86_64", "aarch64")
"""Architectures that both apache-tvm and apache-tvm-ffi have wheels for."""


def runtime_libs(target: Target, cache: Path = CACHE) -> RuntimeLibs:
    """Libraries for *target*'s architecture, of the versions installed here.

    This machine's architecture: the installed wheels' own. Another with wheels: downloaded (about 100 MB,
    once). Any other: built from the C++ sources in the installed wheels (about a minute, once).

    Raises:
        FatalError: the download or the build fails, or the result is too new for the target.
    """
    if target.arch == platform.machine():
        return wheels.installed()
    if target.arch in WHEEL_ARCHITECTURES:
        return wheels.downloaded(target.arch, cache)
    return sources.built(target, cache)
