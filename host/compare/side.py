"""One of the two that are compared: reports, a bundle, a target or a git revision."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from device_runtime.bundle.manifest import MANIFEST_NAME, read_manifest
from device_runtime.errors import FatalError
from device_runtime.report.report import REPORT, Report
from host.build import Request, build
from host.paths import CACHE, REPOSITORY
from host.targets.native import obstacle
from host.targets.read import load_target, summarize

LOG = logging.getLogger(__name__)

TARGET, REVISION = "target:", "rev:"
"""What a name may begin with to be unmistakable."""


@dataclass(frozen=True, kw_only=True)
class Side:
    """What is known of one.

    Attributes:
        name: as the user gave it.
        bundle: folder, where there is one.
        obstacle: why the bundle does not run here; None where it does.
        reports: of its runs.
        plates: read right or not, by file; None where nobody looked.
    """

    name: str
    bundle: Path | None = None
    obstacle: str | None = None
    reports: tuple[Report, ...] = ()
    plates: Mapping[str, bool] | None = None

    @property
    def size(self) -> int | None:
        """Bytes of the bundle's files."""
        if self.bundle is None:
            return None
        return sum(info.bytes for info in read_manifest(self.bundle).files.values())

    @property
    def model(self) -> int | None:
        """Bytes of its `model.so`."""
        if self.bundle is not None:
            return read_manifest(self.bundle).files["model.so"].bytes
        return self.reports[0].bundle.model_bytes if self.reports else None


def open_side(name: str, work: Path, stack: ExitStack) -> Side:
    """What *name* is, built where it has to be: a path, else a target's name, else a git revision.

    Args:
        work: folder for what is built.
        stack: takes away what lies elsewhere.

    Raises:
        FatalError: it is none of them, or cannot be built.
    """
    if name.startswith(TARGET):
        return _target(name, name.removeprefix(TARGET), work)
    if name.startswith(REVISION):
        return _revision(name, name.removeprefix(REVISION), work, stack)
    path = Path(name)
    if path.exists():
        return _path(name, path)
    if name in {summary.name for summary in summarize()}:
        return _target(name, name, work)
    return _revision(name, name, work, stack)


def _path(name: str, path: Path) -> Side:
    if (path / MANIFEST_NAME).is_file():
        return _bundle(name, path)
    if path.is_dir():
        reports = tuple(REPORT.read(file) for file in sorted(path.glob("*.json")))
        if not reports:
            raise FatalError(name, "holds neither a bundle nor reports", "name another folder")
        return Side(name=name, reports=reports)
    return Side(name=name, reports=(REPORT.read(path),))


def _bundle(name: str, folder: Path) -> Side:
    manifest = read_manifest(folder)
    target = load_target("native")
    why = None
    if manifest.target.arch != target.arch:
        why = f"needs {manifest.target.arch}, and this machine is {target.arch}"
    elif missing := set(manifest.target.cpu_features) - set(target.cpu_features):
        why = f"needs {', '.join(sorted(missing))}, which this machine lacks"
    return Side(name=name, bundle=folder, obstacle=why)


def _target(name: str, target_name: str, work: Path) -> Side:
    target = load_target(target_name)
    folder = build(Request(target=target, output=work / "bundle"))
    lacks = obstacle(target)
    return Side(name=name, bundle=folder, obstacle=lacks and f"this machine {lacks}")


def _revision(name: str, revision: str, work: Path, stack: ExitStack) -> Side:
    if revision.startswith("-"):
        raise FatalError(name, "is no git revision", "name reports, bundles, targets or revisions")
    commit = _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if commit is None:
        raise FatalError(
            name, "is no path, no target and no git revision", "name reports, bundles, targets or revisions"
        )
    tree = work / "tree"
    if _git("worktree", "add", "--quiet", "--detach", str(tree), commit) is None:
        raise FatalError(name, f"commit {commit[:12]} cannot be checked out", "see git worktree list")
    stack.callback(_git, "worktree", "remove", "--force", str(tree))
    # What is downloaded once is shared.
    CACHE.mkdir(exist_ok=True)
    if not (tree / ".cache").exists():
        (tree / ".cache").symlink_to(CACHE.resolve())
    LOG.info("%s: building commit %s", name, commit[:12])
    folder = work / "bundle"
    command = [sys.executable, "-c", "from host.cli import main; main()", "build"]
    built = subprocess.run(
        [*command, "--target", "native", "--output", str(folder)],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if built.returncode:
        last = (built.stdout.strip().splitlines() or ["nothing was said"])[-1]
        raise FatalError(name, f"cannot be built: {last}", "build that revision by hand")
    return Side(name=name, bundle=folder)


def _git(*arguments: str) -> str | None:
    """What git says; None where it fails."""
    try:
        done = subprocess.run(
            ["git", "-C", str(REPOSITORY), *arguments], capture_output=True, text=True, check=False
        )
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None
