"""This board, seen by one deployment: what runs, what is installed, switched to, and taken back."""

from __future__ import annotations

import fcntl
import json
import os
import platform
import re
import shutil
import struct
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from host.deploy.agent.disk import read_json, sha256_of, sync, write
from host.deploy.agent.healthy import LOST, Unhealthy, lacking
from host.deploy.agent.incoming import bundle_id
from host.deploy.agent.program import Tell, lpr_run, reason_in, run
from host.deploy.agent.refused import Refused
from host.deploy.agent.service import service_of
from host.deploy.agent.switch import current_of, point, revert

RESTARTS = 2
"""So often a new bundle's service may end before it is taken for broken: once may be a camera's fault."""
ROLLED_BACK_S = 120.0
"""Longest wait for the old bundle's report after rolling back."""


class Board:
    """This board, seen by one deployment.

    Args:
        root: the folder of all this.
        tell: tells the host how it goes on.
        packed: this package as one file, for the next start of the board; None: it is there.
    """

    def __init__(self, root: Path, tell: Tell, packed: bytes | None = None) -> None:
        self.root, self._tell, self._packed = root, tell, packed
        self.service = service_of(root)
        self.current, self.pending = root / "current", root / "pending.json"
        self._lock: int | None = None

    def say(self, line: str) -> None:
        """Tell the host how it goes on."""
        self._tell("say", line)

    def hello(self) -> dict[str, Any]:
        """What is here; changes nothing."""
        place = next(p for p in (self.root, *self.root.parents) if p.is_dir())
        report = self.health()
        return {
            "python": platform.python_version(),
            "arch": _arch(),
            "glibc": platform.libc_ver()[1],
            "compiler": shutil.which(os.environ.get("CC", "cc")) is not None,
            "rsync": shutil.which("rsync") is not None,
            "service": self.service.name,
            "settings": str(self.service.settings),
            "user": int(os.environ.get("SUDO_UID", os.getuid())),
            "free": shutil.disk_usage(place).free,
            "current": self.running(),
            "since": self.current.lstat().st_mtime if self.current.is_symlink() else None,
            "bundles": [path.name for path in self._newest_first()],
            "bad": {path.stem: read_json(path) for path in sorted((self.root / "bad").glob("*.json"))},
            "pending": self.pending.exists(),
            "last": read_json(self.root / "last.json"),
            "keys": self._keys(),
            "health": report,
        }

    def lock(self, who: str) -> dict[str, Any]:
        """Be the only one that deploys here, until this process ends; finish what another left behind."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise Refused(
                str(self.root), f"cannot be written ({error.strerror})", "see the board's disk"
            ) from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            other = os.pread(self._lock, 200, 0).decode(errors="replace").strip() or "somebody"
            raise Refused(
                str(self.root), f"{other} is deploying here", "wait until that is over, or end it"
            ) from None
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, who.encode()[:200], 0)
        for name in ("bundles", "incoming", "bad"):
            (self.root / name).mkdir(exist_ok=True)
        if self._packed is not None:
            write(self.root / "board.py", self._packed)
        if self.pending.exists():
            self.say("takes back a deployment that was interrupted")
            if revert(self.root):
                self.service.restart()
        return {}

    def install(self, bundle: str) -> dict[str, Any]:
        """Install *bundle* with its own install.sh, which checks hashes and golden values, then its settings.

        The service is left alone.
        """
        folder = self.root / "bundles" / bundle_id(bundle)
        self._check_before(bundle, folder)
        options, environment = self.service.install_command()
        kept = self.service.keep()
        status, lines = run(["sh", "install.sh", *options], folder, self._tell, environment)
        try:
            if status:
                raise self._not_installed(bundle, folder, lines)
            golden = next((line for line in lines if "golden inputs within" in line), "")
            if self.service.settings.exists():
                status, lines = run([*lpr_run(folder, self.service.settings), "--check"], folder, self._tell)
                if status:
                    raise Refused(
                        f"bundle {bundle}",
                        f"is not switched to: {reason_in(lines)}",
                        f"mend {self.service.settings} or the bundle; {self._goes_on()}",
                    )
        except Refused:
            # Of the new bundle, and the old one goes on.
            self.service.put_back(kept)
            raise
        self._unit = kept
        return {"golden": golden.strip()}

    def activate(self, bundle: str, seconds: float, keep: int) -> dict[str, Any]:
        """Switch to *bundle*, restart the service, wait for its first healthy report; else roll back.

        It goes on to its end if the connection is lost meanwhile.
        """
        folder, previous = self.root / "bundles" / bundle_id(bundle), self.running()
        before = self.health()
        was_lost = bool(before and (before.get("source") or {}).get("lost"))
        self.service.arm()
        write(self.pending, json.dumps({"bundle": bundle, "previous": previous}).encode())
        # Above all what install.sh has written.
        os.sync()
        began, clock = time.monotonic(), time.time()
        point(self.current, bundle)
        self.say("switched; restarting the service")
        self.service.report.unlink(missing_ok=True)
        self.service.restart()
        try:
            report = self._await(sha256_of(folder / "manifest.json"), seconds, was_lost, before)
        except Unhealthy as failure:
            said = self.service.said(clock)
            why = str(failure) + (f"; it said: {reason_in(said)}" if said else "")
            if failure.at_fault:
                self._remember_bad(bundle, why, said)
            else:
                self._remember(bundle, "failed", why)
            back = self._roll_back(previous)
            raise Refused(
                f"bundle {bundle}",
                f"{why}; {back}",
                "see the lines of its log",
                bad=failure.at_fault,
                rolled_back=True,
                said=said[-10:],
            ) from None
        self.pending.unlink()
        sync(self.root)
        (self.root / "bad" / f"{bundle}.json").unlink(missing_ok=True)
        taken = round(time.monotonic() - began, 1)
        pruned = self._prune(keep)
        self._remember(bundle, "runs", None)
        return {"health": report, "seconds": taken, "previous": previous, "pruned": pruned}

    def running(self) -> str | None:
        """The bundle that `current` names."""
        return current_of(self.root)

    def health(self) -> dict[str, Any] | None:
        """What the service last said of itself."""
        return read_json(self.service.report)

    def _keys(self) -> str | None:
        """The public keys that the board's settings ask bundles to be signed with; None where they do not."""
        with suppress(OSError):
            text = self.service.settings.read_text(encoding="utf-8")
            found = re.search(r"""(?m)^\s*require_signature\s*=\s*["']([^"']+)["']""", text)
            if found is None:
                return None
            with suppress(OSError):
                return (self.service.settings.parent / found[1]).read_text(encoding="utf-8")
            return found[1]
        return None

    def _check_before(self, bundle: str, folder: Path) -> None:
        """Have the lpr-run that runs check the signature before anything of the new bundle is run."""
        if self._keys() is None or not (self.current / "venv/bin/lpr-run").exists():
            return
        settings = self.service.settings
        command = [str(self.current / "venv/bin/lpr-run"), *lpr_run(folder, settings)[1:], "--check"]
        status, lines = run(command, folder, self._tell)
        reason = reason_in(lines)
        # The signature is checked first, the version of the manifest after it.
        if status and "run install.sh of this bundle" not in reason:
            wrong = "golden outputs are off" in reason
            if wrong:
                self._remember_bad(bundle, reason)
            raise Refused(
                f"bundle {bundle}",
                f"is refused by the lpr-run that runs: {reason}",
                self._goes_on() if wrong else "see docs/trust.md",
                bad=wrong,
            )

    def _not_installed(self, bundle: str, folder: Path, lines: list[str]) -> Refused:
        """Why install.sh failed: where the bundle's own check does, too, the bundle is at fault."""
        why = reason_in(lines)
        if (folder / "venv/bin/lpr-run").exists():
            status, checked = run([*lpr_run(folder, None), "--check"], folder, self._tell)
            if status:
                why = reason_in(checked)
                self._remember_bad(bundle, why)
                return Refused(f"bundle {bundle}", f"fails its check: {why}", self._goes_on(), bad=True)
        return Refused(f"bundle {bundle}", f"cannot be installed: {why}", self._goes_on())

    def _goes_on(self) -> str:
        running = self.running()
        return f"{running} goes on" if running else "nothing ran here before"

    def _await(
        self, manifest: str, seconds: float, was_lost: bool, before: dict[str, Any] | None
    ) -> dict[str, Any]:
        deadline, missing = time.monotonic() + seconds, "wrote no health report"
        while time.monotonic() < deadline:
            report = self.health()
            if report and report.get("run") != (before or {}).get("run") and not report.get("last"):
                found = (report.get("bundle") or {}).get("manifest_sha256")
                lacks = lacking(report, was_lost) if found == manifest else "another bundle reports"
                if lacks is None and self.service.ready():
                    return report
                missing = lacks or "never got ready"
            ended = self.service.restarts()
            if ended >= RESTARTS:
                raise Unhealthy(f"the service ended {ended} times")
            time.sleep(0.2)
        raise Unhealthy(f"in {seconds:g} s the service {missing}", at_fault=missing != LOST)

    def _roll_back(self, previous: str | None) -> str:
        """Back to *previous*; returns what became of that."""
        self.say(f"rolling back to {previous}" if previous else "stopping the service")
        self.service.put_back(self._unit)
        revert(self.root)
        self.service.report.unlink(missing_ok=True)
        if previous is None:
            self.service.stop()
            return "nothing ran here before, and nothing does now"
        self.service.restart()
        try:
            manifest = sha256_of(self.root / "bundles" / previous / "manifest.json")
            self._await(manifest, ROLLED_BACK_S, was_lost=True, before=None)
        except Unhealthy as failure:
            return f"rolled back to {previous}, but {failure}"
        return f"{previous} runs again"

    _unit: bytes | None = None
    """The unit before install.sh."""

    def _remember_bad(self, bundle: str, why: str, said: list[str] | None = None) -> None:
        text = json.dumps({"why": why, "at": time.time(), "said": (said or [])[-10:]})
        write(self.root / "bad" / f"{bundle}.json", text.encode())
        self._remember(bundle, "failed", why)

    def _remember(self, bundle: str, outcome: str, why: str | None) -> None:
        text = json.dumps({"bundle": bundle, "outcome": outcome, "why": why, "at": time.time()})
        write(self.root / "last.json", text.encode())

    def _newest_first(self) -> list[Path]:
        """Bundles, the one that runs first, then by when they came."""
        running = self.running()
        folder = self.root / "bundles"
        found = [path for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []
        return sorted(found, key=lambda path: (path.name != running, -path.stat().st_mtime))

    def _prune(self, keep: int) -> list[str]:
        pruned = []
        for path in self._newest_first()[max(keep, 1) :]:
            shutil.rmtree(path, ignore_errors=True)
            pruned.append(path.name)
        return pruned


def _arch() -> str:
    """The architecture Python runs in, as install.sh has it."""
    here = platform.machine().lower()
    here = {"amd64": "x86_64", "arm64": "aarch64", "armv8l": "armv7l"}.get(here, here)
    return {"aarch64": "armv7l", "x86_64": "i686"}.get(here, here) if struct.calcsize("P") == 4 else here
