"""A board that runs in QEMU: its power, its shell, its serial line."""

from __future__ import annotations

import re
import shlex
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from device_runtime.errors import FatalError
from host.emulate.root import run_tool
from host.trial import Failed
from host.virtual_board.image import Image

BOOT_S = 1200
"""Longest wait for a board to answer; half a minute is usual where nothing else runs."""
COMMAND_LINE = (
    "console=ttyAMA0 root=/dev/vda quiet systemd.show_status=0 "
    # No log-in on the console; and where much else runs here, devices take long to appear.
    "systemd.getty_auto=no systemd.default_timeout_start_sec=600 systemd.default_device_timeout_sec=600"
)
_UNKNOWN = {"StrictHostKeyChecking": "no", "UserKnownHostsFile": "/dev/null"}
"""Each image has a key of its own, and a port changes with each start."""
_PTY = re.compile(r"char device redirected to (/dev/pts/\d+) \(label serial0\)")


def ssh_configuration(name: str, port: int, key: Path) -> str:
    """A configuration file of OpenSSH by which *name* is the board behind *port* of this machine."""
    options = {"HostName": "127.0.0.1", "Port": port, "User": "root", "IdentityFile": key, **_UNKNOWN}
    return f"Host {name}\n" + "".join(f"    {option} {value}\n" for option, value in options.items())


class Machine:
    """One board and its disk, which keeps what was written when the power is cut.

    Args:
        image: it boots from.
        folder: of its own, for the disk and logs.
        cpu: QEMU's name of its processor.

    Attributes:
        serial: path of this end of its line /dev/ttyS0, another one after each start.
    """

    def __init__(self, image: Image, folder: Path, cpu: str) -> None:
        self.image, self.folder, self.cpu = image, folder, cpu
        self.serial = Path()
        self.disk = folder / "disk.qcow2"
        self.console = folder / "console.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0
        create = [
            "qemu-img",
            "create",
            "-q",
            "-f",
            "qcow2",
            "-b",
            str(image.disk),
            "-F",
            "raw",
            str(self.disk),
        ]
        run_tool(create, "qemu-img")

    def start(self) -> None:
        """Turn the power on; `wait` until it answers.

        Raises:
            FatalError: QEMU cannot be started.
        """
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        log = self.folder / "qemu.log"
        # writeback keeps what the guest has synced when QEMU is killed.
        command = [
            *("qemu-system-aarch64", "-M", "virt,gic-version=3", "-cpu", self.cpu, "-smp", "2", "-m", "1024"),
            # Without a bound QEMU takes a gigabyte for translated code.
            *("-accel", "tcg,thread=multi,tb-size=256"),
            *("-kernel", str(self.image.kernel), "-initrd", str(self.image.initramfs)),
            *("-append", COMMAND_LINE),
            *("-drive", f"file={self.disk},if=none,id=disk,format=qcow2,cache=writeback"),
            *("-device", "virtio-blk-pci,drive=disk"),
            # It reaches nothing outside.
            *("-netdev", f"user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:{self._port}-:22"),
            *("-device", "virtio-net-pci,netdev=net,romfile=", "-device", "virtio-rng-pci"),
            *("-chardev", "pty,id=serial0", "-device", "pci-serial,chardev=serial0"),
            *("-chardev", f"file,id=console,path={self.console},append=on", "-serial", "chardev:console"),
            *("-display", "none", "-monitor", "none", "-nodefaults"),
        ]
        with log.open("wb") as output:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        deadline = time.monotonic() + 30
        while (found := _PTY.search(log.read_text(errors="replace"))) is None:
            if self._process.poll() is not None or time.monotonic() > deadline:
                said = log.read_text(errors="replace").strip().splitlines()
                raise FatalError(
                    "qemu-system-aarch64", said[-1] if said else "does not start", "see its message"
                )
            time.sleep(0.05)
        self.serial = Path(found[1])

    def wait(self) -> float:
        """Until a command runs on it; returns how many seconds that took.

        Raises:
            Failed: it did not answer.
        """
        start = time.monotonic()
        while time.monotonic() < start + BOOT_S:
            if self._process is None or self._process.poll() is not None:
                raise Failed("QEMU ended by itself")
            done = self._ssh("root", ["true"], timeout=60)
            if done is not None and done.returncode == 0:
                return time.monotonic() - start
            time.sleep(0.5)
        last = self.console.read_text(errors="replace").strip().splitlines()[-1:]
        raise Failed(f"no answer over ssh in {BOOT_S} s; its console ends with {last}")

    def run(
        self, command: str, *, user: str = "root", data: bytes | None = None, timeout: float = 300
    ) -> str:
        """Run a shell command on it and return what it printed.

        Args:
            data: for its standard input.
            timeout: seconds.

        Raises:
            Failed: it returns another status than 0, or takes longer.
        """
        status, output = self.attempt(command, user=user, data=data, timeout=timeout)
        if status:
            said = output.strip().splitlines()[-1:] or [""]
            raise Failed(f"`{command[:60]}` ended with {status}: {said[0]}")
        return output

    def attempt(
        self, command: str, *, user: str = "root", data: bytes | None = None, timeout: float = 300
    ) -> tuple[int, str]:
        """As `run`, but any exit status is returned, with what was printed.

        Raises:
            Failed: it takes longer, or the board does not answer.
        """
        done = self._ssh(user, [command], data, timeout)
        if done is None:
            raise Failed(f"`{command[:60]}` took more than {timeout:.0f} s")
        if done.returncode == 255:
            raise Failed(f"`{command[:60]}`: the board does not answer")
        return done.returncode, done.stdout.decode(errors="replace")

    def ssh_configuration(self, name: str) -> str:
        """As `ssh_configuration`; another one after each start."""
        return ssh_configuration(name, self._port, self.image.key)

    def _ssh(
        self, user: str, arguments: Sequence[str], data: bytes | None = None, timeout: float = 300
    ) -> subprocess.CompletedProcess[bytes] | None:
        options = ["-q", "-i", str(self.image.key), "-p", str(self._port), "-o", "ConnectTimeout=20"]
        for key, value in (*_UNKNOWN.items(), ("BatchMode", "yes")):
            options += ["-o", f"{key}={value}"]
        command = ["ssh", *options, f"{user}@127.0.0.1", *arguments]
        try:
            return subprocess.run(
                command,
                input=data or b"",
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=timeout,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return None

    def copy(self, source: Path, to: str) -> None:
        """Copy the contents of the folder *source* into the folder *to* of the board, which is made.

        Raises:
            Failed: it does not take them.
        """
        packed = subprocess.run(
            ["tar", "-c", "--owner=0", "--group=0", "-C", str(source), "."],
            stdout=subprocess.PIPE,
            check=True,
        )
        where = shlex.quote(to)
        self.run(f"mkdir -p {where} && tar -x -C {where}", data=packed.stdout, timeout=600)

    def cut_power(self) -> None:
        """End it within no time, as pulling the plug does: what its kernel had not written is lost."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """Shut it down; cut the power if it does not."""
        if self._process is None:
            return
        self._ssh("root", ["systemctl poweroff"], timeout=30)
        try:
            self._process.wait(120)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None
