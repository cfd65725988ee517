"""A bundle on its way: room and a folder for it, its files, and whether they are whole."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

from host.deploy.agent.disk import read_json, sha256_of, sync
from host.deploy.agent.refused import Refused
from host.deploy.agent.switch import current_of

SPARE = 32 << 20
"""Bytes that have to stay free."""
FIRST_VENV = 400 << 20
"""Bytes that `venv/` takes where no other bundle's tells."""
CHUNK = 1 << 18
_NAME = re.compile(r"(?!.*(?:^|/)\.{0,2}(?:/|$))[^\\\x00-\x1f]+")

Files = list[list[Any]]
"""Name, bytes and SHA-256 of each; while they are received name, first byte and bytes to come."""


class Incoming:
    """What comes below the folder *root*."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def prepare(self, bundle: str, files: Files, again: bool) -> dict[str, Any]:
        """Make room and a folder for *bundle*, with what is here already: `{"have": {name: bytes}}`.

        Args:
            files: name, bytes and SHA-256 of each.
            again: though it failed here before.
        """
        bad = self.root / "bad" / f"{bundle_id(bundle)}.json"
        if bad.exists() and not again:
            known = read_json(bad) or {}
            raise Refused(
                f"bundle {bundle}",
                f"failed on this board before: {known.get('why', 'nobody knows why')}",
                "deploy another one, or say --again",
                known_bad=True,
            )
        incoming, final = self.root / "incoming" / bundle, self.root / "bundles" / bundle
        for other in (self.root / "incoming").iterdir():
            if other != incoming:
                shutil.rmtree(other, ignore_errors=True)
        if final.is_dir():
            if not self._wrong(final, files):
                return {"present": True, "have": {}}
            if bundle == current_of(self.root):
                raise Refused(
                    f"bundle {bundle}",
                    "runs here and differs from what is to be copied",
                    "deploy another bundle first, then this one",
                )
            shutil.rmtree(final / "venv", ignore_errors=True)
            if not incoming.exists():
                final.rename(incoming)
            shutil.rmtree(final, ignore_errors=True)
        self._check_space(incoming, files)
        incoming.mkdir(exist_ok=True)
        user = int(os.environ.get("SUDO_UID", os.getuid()))
        group = int(os.environ.get("SUDO_GID", os.getgid()))
        for name, size, sha256 in files:
            path, running = incoming / _inside(name), self.root / "current" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.is_symlink() or (path.exists() and path.stat().st_size > size):
                path.unlink()
            same = not path.exists() and running.is_file() and running.stat().st_size == size
            if same and sha256_of(running) == sha256:
                shutil.copyfile(running, path)
        for path in (incoming, *incoming.rglob("*")):
            os.chown(path, user, group, follow_symlinks=False)
        names = [name for name, _, _ in files]
        return {
            "folder": str(incoming),
            "have": {n: (incoming / n).stat().st_size for n in names if (incoming / n).exists()},
        }

    def receive(self, bundle: str, files: Files) -> dict[str, Any]:
        """Take files that follow on standard input, each from a byte on: name, first byte, bytes to come."""
        incoming = self.root / "incoming" / bundle_id(bundle)
        for name, offset, count in files:
            with (incoming / _inside(name)).open("ab") as file:
                file.truncate(offset)
                while count:
                    data = sys.stdin.buffer.read(min(count, CHUNK))
                    if not data:
                        raise EOFError
                    file.write(data)
                    # What came stays, though the connection may be lost at any time.
                    file.flush()
                    count -= len(data)
        return {}

    def seal(self, bundle: str, files: Files) -> dict[str, Any]:
        """Check what was copied and put it among the bundles; `{"wrong": names}` are to be copied again."""
        incoming, final = self.root / "incoming" / bundle_id(bundle), self.root / "bundles" / bundle
        listed = {_inside(name) for name, _, _ in files}
        for path in sorted(incoming.rglob("*"), reverse=True):
            if os.getuid() == 0:
                os.chown(path, 0, 0, follow_symlinks=False)
            if path.is_symlink() or (path.is_file() and str(path.relative_to(incoming)) not in listed):
                path.unlink()
                continue
            path.chmod(0o755 if path.is_dir() else 0o644)
        wrong = self._wrong(incoming, files)
        if wrong:
            for name in wrong:
                (incoming / name).unlink(missing_ok=True)
            return {"wrong": wrong}
        if os.getuid() == 0:
            os.chown(incoming, 0, 0)
        incoming.chmod(0o755)
        for path in (*incoming.rglob("*"), incoming):
            sync(path)
        incoming.rename(final)
        sync(final.parent)
        return {"wrong": []}

    def _check_space(self, incoming: Path, files: Files) -> None:
        here = sum(path.stat().st_size for path in incoming.rglob("*") if path.is_file())
        venv = self.root / "current" / "venv"
        installed = sum(p.lstat().st_blocks * 512 for p in venv.rglob("*")) if venv.is_dir() else FIRST_VENV
        need = sum(size for _, size, _ in files) - here + installed + SPARE
        free = shutil.disk_usage(self.root).free
        if free < need:
            raise Refused(
                str(self.root),
                f"{need >> 20} MiB are needed and {free >> 20} MiB are free",
                f"free some; older bundles in {self.root}/bundles may be removed",
            )

    def _wrong(self, folder: Path, files: Files) -> list[str]:
        """Names of *files* that are not in *folder* or not what they should be."""
        wrong = []
        for name, size, sha256 in files:
            path = folder / _inside(name)
            if not path.is_file() or path.stat().st_size != size or sha256_of(path) != sha256:
                wrong.append(name)
        return wrong


def bundle_id(name: str) -> str:
    """*name*, which is a folder's.

    Raises:
        Refused: it is none.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+-]*", name):
        raise Refused(repr(name), "is no bundle's name", "use lpr-host deploy")
    return name


def _inside(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise Refused(repr(name), "is no file name inside a bundle", "use lpr-host deploy")
    return name
