"""The board's root with a peer's package in it."""

from __future__ import annotations

import tempfile
import zipfile
from hashlib import sha256
from pathlib import Path

from host.bench.instructions.cpuinfo import cpuinfo
from host.cache import cached
from host.emulate.root import PYTHON, Root, root_for
from host.runtime_libs.wheels import download_wheels
from host.targets.profile import Target


def peer_root(distribution: str, version: str, target: Target, cache: Path) -> Root:
    """The root of *target* with *distribution* too, and with its processor's /proc/cpuinfo.

    Raises:
        FatalError: the target has no root, or the package cannot be had for it.
    """
    root, processor = root_for(target.arch), cpuinfo(target)
    key = sha256(f"{root.path.name} {distribution} {version} {processor}".encode()).hexdigest()[:12]

    def fill(folder: Path) -> None:
        for entry in root.path.iterdir():
            if entry.name not in ("opt", "proc"):
                (folder / entry.name).symlink_to(entry.resolve())
        packages = folder / "opt" / "packages"
        packages.mkdir(parents=True)
        for entry in root.packages.iterdir():
            (packages / entry.name).symlink_to(entry.resolve())
        with tempfile.TemporaryDirectory() as scratch:
            for wheel in download_wheels([f"{distribution}=={version}"], target.arch, PYTHON, Path(scratch)):
                with zipfile.ZipFile(wheel) as archive:
                    archive.extractall(packages)
        (folder / "proc").mkdir()
        (folder / "proc" / "cpuinfo").write_text(processor)

    return Root(cached(cache / f"arm-root-{key}", fill), target.arch, root.system)
