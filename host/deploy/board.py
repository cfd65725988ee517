"""What a deployment does on the board: takes the files, checks, switches, restarts, waits, rolls back.

It is sent over ssh and run by the board's Python, 3.10 or newer, with its standard library alone. The host
writes a request in a line of JSON; it answers in lines of JSON: `{"say": …}` and `{"output": …}`,
any number of times, then `{"done": …}` or `{"refused": {"what", "why", "todo", …}}`.

    ROOT/bundles/ID/    a bundle, installed
    ROOT/current        a link to the one that runs
    ROOT/incoming/ID/   one that is being copied
    ROOT/pending.json   a switch that is not confirmed yet: a start of the board takes it back
    ROOT/bad/ID.json    a bundle that failed here, and why
    ROOT/last.json      what became of the last deployment
    ROOT/lock           held by who deploys
    ROOT/board.py       this file, for the next start of the board

Whatever is cut short, `current` names a bundle that was whole and synced before the link was.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import platform
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

Say = Callable[[str, str], None]
"""Takes the kind of a message, "say" or "output", and a line."""

SERVICE = "lpr-run"
REVERT_UNIT = "lpr-deploy.service"
SPARE = 32 << 20
"""Bytes that have to stay free."""
FIRST_VENV = 400 << 20
"""Bytes that `venv/` takes where no other bundle's tells."""
RESTARTS = 2
"""So often a new bundle's service may end before it is taken for broken: once may be a camera's fault."""
ROLLED_BACK_S = 120.0
"""Longest wait for the old bundle's report after rolling back."""
CHUNK = 1 << 18
_NAME = re.compile(r"(?!.*(?:^|/)\.{0,2}(?:/|$))[^\\\x00-\x1f]+")


class Refused(Exception):
    """A request that cannot be met: what is wrong, why, what to do, and what the host has to know of it."""

    def __init__(self, what: str, why: str, todo: str, **more: Any) -> None:
        super().__init__(f"{what}: {why} – {todo}")
        self.answer = {"what": what, "why": why, "todo": todo, **more}


class Systemd:
    """The service where systemd runs it."""

    name = "systemd"

    def __init__(self, root: Path) -> None:
        self.root = root
        self.settings = Path("/etc/lpr/lpr.toml")
        self.report = Path("/run/lpr/health.json")
        self._unit = Path("/etc/systemd/system/lpr-run.service")

    def install_command(self) -> tuple[list[str], dict[str, str]]:
        """Options of install.sh, and what it finds in its environment."""
        return ["--service"], {"CURRENT": str(self.root / "current")}

    def keep(self) -> bytes | None:
        """What `put_back` needs: the unit as it is."""
        return self._unit.read_bytes() if self._unit.exists() else None

    def put_back(self, kept: bytes | None) -> None:
        """The unit as it was."""
        if kept is not None and kept != self.keep():
            write(self._unit, kept)
            self._run("daemon-reload")

    def arm(self) -> None:
        """Have a switch that is not confirmed taken back when the board starts."""
        unit = f"""\
# Takes a deployment back that a power cut interrupted; written by lpr-host deploy.
[Unit]
Description=Takes back a bundle that was not confirmed
ConditionPathExists={self.root}/pending.json
Before={SERVICE}.service

[Service]
Type=oneshot
ExecStart={sys.executable} {self.root}/board.py revert {self.root}

[Install]
WantedBy=multi-user.target
"""
        path = self._unit.with_name(REVERT_UNIT)
        if not path.exists() or path.read_text() != unit:
            write(path, unit.encode())
            self._run("daemon-reload")
        self._run("enable", "--quiet", REVERT_UNIT)

    def restart(self) -> None:
        """Start it anew, without waiting."""
        self._run("reset-failed", SERVICE)
        self._run("restart", "--no-block", SERVICE)

    def stop(self) -> None:
        """End it."""
        self._run("stop", SERVICE)

    def restarts(self) -> int:
        """How often it ended by itself since `restart`."""
        shown = self._run("show", "--property=NRestarts", "--value", SERVICE).strip()
        return int(shown) if shown.isdecimal() else 0

    def ready(self) -> bool:
        """Whether it has said that it is, and goes on."""
        return self._run("is-active", SERVICE).strip() == "active"

    def said(self, since: float) -> list[str]:
        """Its last lines, of those since *since* by the wall clock."""
        command = ["journalctl", "--no-pager", "-q", "-o", "cat", f"--since=@{int(since)}", "-n", "40"]
        command += ["-u", SERVICE]
        return _output(command).splitlines()

    def _run(self, *command: str) -> str:
        return _output(["systemctl", *command])


class Supervised:
    """The service where there is no systemd: `board.py run ROOT`, which starts it again when it ends."""

    name = "board.py"

    def __init__(self, root: Path) -> None:
        self.root = root
        self.settings = root / "lpr.toml"
        self.folder = root / "run"
        self.report = self.folder / "health.json"
        self._log = self.folder / "log"

    def install_command(self) -> tuple[list[str], dict[str, str]]:
        """As of `Systemd`."""
        return [], {}

    def keep(self) -> bytes | None:
        """As of `Systemd`: nothing is installed outside ROOT."""
        return None

    def put_back(self, kept: bytes | None) -> None:
        """As of `Systemd`."""

    def arm(self) -> None:
        """As of `Systemd`: `board.py run` takes it back itself."""

    def restart(self) -> None:
        """As of `Systemd`."""
        self.stop()
        self.folder.mkdir(exist_ok=True)
        for name in ("restarts", "ready"):
            (self.folder / name).unlink(missing_ok=True)
        with self._log.open("wb") as log:
            subprocess.Popen(
                [sys.executable, str(self.root / "board.py"), "run", str(self.root), "--keep-pending"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.root,
                start_new_session=True,
            )

    def stop(self) -> None:
        """As of `Systemd`."""
        with suppress(OSError, ValueError):
            process = int((self.folder / "pid").read_text())
            os.kill(process, signal.SIGTERM)
            deadline = time.monotonic() + 30
            while _is_held(self.folder / "pid") and time.monotonic() < deadline:
                time.sleep(0.05)

    def restarts(self) -> int:
        """As of `Systemd`."""
        with suppress(OSError, ValueError):
            return int((self.folder / "restarts").read_text())
        return 0

    def ready(self) -> bool:
        """As of `Systemd`."""
        return (self.folder / "ready").exists()

    def said(self, since: float) -> list[str]:
        """As of `Systemd`; all since `restart`."""
        with suppress(OSError):
            return self._log.read_text(errors="replace").splitlines()[-40:]
        return []


def service_of(root: Path) -> Systemd | Supervised:
    """What runs the service on this board."""
    return Systemd(root) if Path("/run/systemd/system").is_dir() else Supervised(root)


class Board:
    """This board, seen by one deployment.

    Args:
        root: the folder of all this.
        tell: tells the host how it goes on.
    """

    def __init__(self, root: Path, tell: Say) -> None:
        self.root, self._tell = root, tell
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
        if "_SOURCE" in globals():
            write(self.root / "board.py", globals()["_SOURCE"])
        if self.pending.exists():
            self.say("takes back a deployment that was interrupted")
            if revert(self.root):
                self.service.restart()
        return {}

    def prepare(self, bundle: str, files: list[list[Any]], again: bool) -> dict[str, Any]:
        """Make room and a folder for *bundle*, with what is here already: `{"have": {name: bytes}}`.

        Args:
            files: name, bytes and SHA-256 of each.
            again: though it failed here before.
        """
        bad = self.root / "bad" / f"{_id(bundle)}.json"
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
            if bundle == self.running():
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
            path, running = incoming / _inside(name), self.current / name
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

    def receive(self, bundle: str, files: list[list[Any]]) -> dict[str, Any]:
        """Take files that follow on standard input, each from a byte on: name, first byte, bytes to come."""
        incoming = self.root / "incoming" / _id(bundle)
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

    def seal(self, bundle: str, files: list[list[Any]]) -> dict[str, Any]:
        """Check what was copied and put it among the bundles; `{"wrong": names}` are to be copied again."""
        incoming, final = self.root / "incoming" / _id(bundle), self.root / "bundles" / bundle
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

    def install(self, bundle: str) -> dict[str, Any]:
        """Install *bundle* with its own install.sh, which checks hashes and golden values, then its settings.

        The service is left alone.
        """
        folder = self.root / "bundles" / _id(bundle)
        self._check_before(bundle, folder)
        options, environment = self.service.install_command()
        kept = self.service.keep()
        status, lines = self._run(["sh", "install.sh", *options], folder, environment)
        try:
            if status:
                raise self._not_installed(bundle, folder, lines)
            golden = next((line for line in lines if "golden inputs within" in line), "")
            if self.service.settings.exists():
                status, lines = self._run([*_lpr_run(folder, self.service.settings), "--check"], folder)
                if status:
                    raise Refused(
                        f"bundle {bundle}",
                        f"is not switched to: {_reason(lines)}",
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
        folder, previous = self.root / "bundles" / _id(bundle), self.running()
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
            why = str(failure) + (f"; it said: {_reason(said)}" if said else "")
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

    def _check_space(self, incoming: Path, files: list[list[Any]]) -> None:
        here = sum(path.stat().st_size for path in incoming.rglob("*") if path.is_file())
        venv = self.current / "venv"
        installed = sum(p.lstat().st_blocks * 512 for p in venv.rglob("*")) if venv.is_dir() else FIRST_VENV
        need = sum(size for _, size, _ in files) - here + installed + SPARE
        free = shutil.disk_usage(self.root).free
        if free < need:
            raise Refused(
                str(self.root),
                f"{need >> 20} MiB are needed and {free >> 20} MiB are free",
                f"free some; older bundles in {self.root}/bundles may be removed",
            )

    def _wrong(self, folder: Path, files: list[list[Any]]) -> list[str]:
        """Names of *files* that are not in *folder* or not what they should be."""
        wrong = []
        for name, size, sha256 in files:
            path = folder / _inside(name)
            if not path.is_file() or path.stat().st_size != size or sha256_of(path) != sha256:
                wrong.append(name)
        return wrong

    def _check_before(self, bundle: str, folder: Path) -> None:
        """Have the lpr-run that runs check the signature before anything of the new bundle is run."""
        if self._keys() is None or not (self.current / "venv/bin/lpr-run").exists():
            return
        settings = self.service.settings
        command = [str(self.current / "venv/bin/lpr-run"), *_lpr_run(folder, settings)[1:], "--check"]
        status, lines = self._run(command, folder)
        reason = _reason(lines)
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
        why = _reason(lines)
        if (folder / "venv/bin/lpr-run").exists():
            status, checked = self._run([*_lpr_run(folder, None), "--check"], folder)
            if status:
                why = _reason(checked)
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

    def _run(
        self, command: list[str], folder: Path, environment: dict[str, str] | None = None
    ) -> tuple[int, list[str]]:
        """Run *command* and tell the host its lines; it ends with the connection."""
        inherited = {key: value for key, value in os.environ.items() if key not in ("CURRENT", "DESTDIR")}
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**inherited, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        assert process.stdout is not None
        lines = []
        try:
            for raw in process.stdout:
                line = raw.decode(errors="replace").rstrip()
                lines.append(line)
                self._tell("output", line)
            return process.wait(), lines
        except BaseException:
            with suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise


class Unhealthy(Exception):
    """A new bundle's service does not do what it should; `at_fault` where that may be the bundle's."""

    def __init__(self, why: str, at_fault: bool = True) -> None:
        super().__init__(why)
        self.at_fault = at_fault


LOST = "found no camera"
"""Why a service may be unhealthy through no fault of its bundle."""


def lacking(report: dict[str, Any], was_lost: bool) -> str | None:
    """What a service that wrote the health report *report* has not shown yet; None where it is healthy.

    It is where it has read a frame, or has none to read because it only answers, or because its camera is
    away and was so before.
    """
    source = report.get("source")
    if source is None:
        return None
    if source.get("lost"):
        return None if was_lost else LOST
    return None if report.get("frames") else "read no frame"


def current_of(root: Path) -> str | None:
    """The bundle that `current` names."""
    try:
        return (root / "current").readlink().name
    except OSError:
        return None


def point(link: Path, bundle: str) -> None:
    """Have *link* name *bundle*, at once and for good."""
    temporary = link.with_name(".current")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(Path("bundles") / bundle)
    temporary.replace(link)
    sync(link.parent)


def revert(root: Path) -> bool:
    """Take back a switch that was not confirmed; whether there is a bundle then."""
    pending = root / "pending.json"
    previous = (read_json(pending) or {}).get("previous")
    if previous and (root / "bundles" / previous).is_dir():
        point(root / "current", previous)
    else:
        (root / "current").unlink(missing_ok=True)
        previous = None
    pending.unlink(missing_ok=True)
    sync(root)
    return previous is not None


def run_service(root: Path) -> None:
    """Run `current`'s lpr-run, and again whenever it ends, until SIGTERM: what systemd does elsewhere."""
    folder, state = root / "run", root / "state"
    folder.mkdir(exist_ok=True)
    state.mkdir(exist_ok=True)
    handle = os.open(folder / "pid", os.O_RDWR | os.O_CREAT, 0o644)
    deadline = time.monotonic() + 60
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except OSError:
            if time.monotonic() > deadline:
                sys.exit(f"error: {root}: the service runs already – stop it first")
            time.sleep(0.05)
    os.ftruncate(handle, 0)
    os.pwrite(handle, str(os.getpid()).encode(), 0)
    child: subprocess.Popen[bytes] | None = None
    stopping = False

    def stop(*_: object) -> None:
        nonlocal stopping
        stopping = True
        if child is not None and child.poll() is None:
            child.terminate()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    # As systemd's, see sd_notify(3); in the kernel's abstract space, which has no folder.
    notify, ready = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM), folder / "ready"
    notify.bind(f"\0lpr-run-{os.getpid()}")
    notify.setblocking(False)
    environment = {
        **os.environ,
        "PYTHONUNBUFFERED": "1",
        "RUNTIME_DIRECTORY": str(folder),
        "NOTIFY_SOCKET": f"@lpr-run-{os.getpid()}",
    }
    ready.unlink(missing_ok=True)
    ended = 0
    while not stopping:
        child = subprocess.Popen(
            _lpr_run(root / "current", root / "lpr.toml"),
            cwd=state,
            env=environment,
            stdin=subprocess.DEVNULL,
        )
        while child.poll() is None:
            if stopping:
                with suppress(subprocess.TimeoutExpired):
                    child.wait(10)
                    break
                child.kill()
            with suppress(OSError):
                while data := notify.recv(4096):
                    if b"READY=1" in data.splitlines():
                        ready.touch()
            with suppress(subprocess.TimeoutExpired):
                child.wait(0.2)
        ready.unlink(missing_ok=True)
        ended += 1
        if not stopping:
            write(folder / "restarts", str(ended).encode())
            # As RestartSec, but a second is enough to see that a new bundle fails.
            for _ in range(10 if ended <= RESTARTS else 50):
                if not stopping:
                    time.sleep(0.1)
    (folder / "health.json").unlink(missing_ok=True)


def write(path: Path, data: bytes) -> None:
    """Replace a file so that it is whole at any time."""
    temporary = path.with_name(f".{path.name}.new")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.chmod(0o644)
    temporary.replace(path)
    sync(path.parent)


def sync(path: Path) -> None:
    """To the disk, a file or a folder."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read_json(path: Path) -> dict[str, Any] | None:
    """What the file holds; None where there is none, or it is no such file."""
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def sha256_of(path: Path) -> str:
    """In hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while data := file.read(1 << 20):
            digest.update(data)
    return digest.hexdigest()


def _is_held(path: Path) -> bool:
    """Whether another process holds the lock of the file."""
    handle = os.open(path, os.O_RDWR)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False


def _lpr_run(folder: Path, settings: Path | None) -> list[str]:
    command = [str(folder / "venv/bin/lpr-run"), "--bundle", str(folder)]
    return [*command, "--config", str(settings)] if settings else command


def _reason(lines: list[str]) -> str:
    """The last line that names an error, else the last one."""
    told = [line for line in lines if line.strip()]
    errors = [line for line in told if "error" in line.lower()]
    return " ".join((errors or told or ["nothing"])[-1].split())[:400].removeprefix("error: ")


def _output(command: list[str]) -> str:
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
        )
    except OSError:
        return ""
    return done.stdout.decode(errors="replace")


def _arch() -> str:
    """The architecture Python runs in, as install.sh has it."""
    here = platform.machine().lower()
    here = {"amd64": "x86_64", "arm64": "aarch64", "armv8l": "armv7l"}.get(here, here)
    return {"aarch64": "armv7l", "x86_64": "i686"}.get(here, here) if struct.calcsize("P") == 4 else here


def _id(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+-]*", name):
        raise Refused(repr(name), "is no bundle's name", "use lpr-host deploy")
    return name


def _inside(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise Refused(repr(name), "is no file name inside a bundle", "use lpr-host deploy")
    return name


def requests() -> Iterator[dict[str, Any]]:
    """What the host asks, until it goes away."""
    while line := sys.stdin.buffer.readline():
        yield json.loads(line)


def session() -> None:
    """Answer the host until it goes away."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    gone = False

    def tell(message: dict[str, Any]) -> None:
        nonlocal gone
        try:
            sys.stdout.write(json.dumps(message) + "\n")
            sys.stdout.flush()
        except OSError:
            gone = True
            if not switching:
                raise

    board: Board | None = None
    switching = False
    for request in requests():
        do = request.pop("do")
        try:
            if board is None:
                board = Board(Path(request.pop("root")), lambda kind, line: tell({kind: line}))
            # A switch goes on to its end, whether anybody listens or not.
            switching = do == "activate"
            if do not in ("hello", "lock", "prepare", "receive", "seal", "install", "activate"):
                raise Refused(do, "is nothing that a board does", "use lpr-host deploy")
            tell({"done": getattr(board, do)(**request)})
        except Refused as refused:
            tell({"refused": refused.answer})
        except EOFError:
            return
        except OSError as error:
            if gone:
                return
            what = error.filename or "the board"
            tell({"refused": {"what": str(what), "why": str(error.strerror), "todo": "see the board's disk"}})


def main(arguments: list[str]) -> None:
    """`board.py revert ROOT` at the board's start; `board.py run ROOT` where there is no systemd."""
    os.umask(0o022)
    if not arguments:
        session()
        return
    verb, root = arguments[0], Path(arguments[1])
    if (verb == "revert" or "--keep-pending" not in arguments) and (root / "pending.json").exists():
        revert(root)
    if verb == "run":
        run_service(root)


if __name__ == "__main__":
    main(sys.argv[1:])
