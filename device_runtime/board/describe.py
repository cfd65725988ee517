"""What is known of the board; every field may be unknown, and nothing here raises."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path

from device_runtime.board.cores import cores_of
from device_runtime.board.cpu import detect
from device_runtime.board.files import below, entries, number, text
from device_runtime.schema import Tolerant


class Board(Tolerant, frozen=True, kw_only=True):
    """The machine a report was made on, at the time it was made; None where it does not say.

    Attributes:
        cores: how many it has.
        cores_used: the numbers of those that read plates.
        governor, frequency_mhz, max_frequency_mhz: of the fastest of `cores_used`.
    """

    model: str | None = None
    cpu: str | None = None
    arch: str | None = None
    cores: int | None = None
    cores_used: tuple[int, ...] | None = None
    governor: str | None = None
    frequency_mhz: float | None = None
    max_frequency_mhz: float | None = None
    temperature_c: float | None = None
    throttling: str | None = None
    memory_mb: int | None = None
    os: str | None = None
    kernel: str | None = None
    python: str | None = None


def describe(root: Path = Path("/")) -> Board:
    """Look at this machine and the cores of this thread, through the kernel's files under *root*."""
    used = cores_of(root=root)
    core = max(used, key=lambda core: core.max_frequency_mhz or 0.0)
    detected = detect()
    return Board(
        model=model(root),
        cpu=detected.name,
        arch=detected.arch,
        cores=os.cpu_count(),
        cores_used=tuple(core.number for core in used),
        governor=core.governor,
        frequency_mhz=core.frequency_mhz,
        max_frequency_mhz=core.max_frequency_mhz,
        temperature_c=temperature(root),
        throttling=throttling(root),
        memory_mb=memory_mb("MemTotal", root / "proc/meminfo"),
        os=_os_name(root),
        kernel=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
    )


def model(root: Path = Path("/")) -> str | None:
    """The board's name from its device tree or its firmware."""
    for path in ("proc/device-tree/model", "sys/firmware/devicetree/base/model"):
        if found := text(root / path):
            return found
    dmi = root / "sys/devices/virtual/dmi/id"
    names = [text(dmi / "sys_vendor"), text(dmi / "product_name")]
    return " ".join(name for name in names if name) or None


def raspberry_throttling(bits: int) -> str:
    """Words for the firmware's `get_throttled` value (Raspberry Pi documentation, vcgencmd)."""
    now = [word for bit, word in _THROTTLED.items() if bits >> bit & 1]
    past = [word for bit, word in _THROTTLED.items() if bits >> bit + 16 & 1 and word not in now]
    return ", ".join(now + [f"{word} since boot" for word in past]) or "none"


_THROTTLED = {0: "under-voltage", 1: "frequency capped", 2: "throttled", 3: "soft temperature limit"}


def temperature(root: Path = Path("/")) -> float | None:
    """Degrees Celsius: of the processor's zone if one says so, else of the hottest."""
    zones = {}
    for zone in entries(below(root, "sys/class/thermal"), "thermal_zone"):
        degrees = number(below(zone, "temp"), 1e-3)
        # Zones of parts that are switched off report nonsense such as −274 or 0.
        if degrees is not None and 0 < degrees < 150:
            zones[(text(below(zone, "type")) or "").lower()] = degrees
    named = [t for name, t in zones.items() if any(key in name for key in ("cpu", "soc", "x86_pkg"))]
    return max(named or zones.values(), default=None)


def throttling(root: Path = Path("/")) -> str | None:
    """What holds the processor back now, or has since it was started, in words; "none" if nothing.

    May start the firmware's own program, which takes some milliseconds.
    """
    firmware = text(below(root, "sys/devices/platform/soc/soc:firmware/get_throttled")) or _vcgencmd(root)
    if firmware is not None:
        try:
            return raspberry_throttling(int(firmware, 16))
        except ValueError:
            return None
    active = []
    devices = entries(below(root, "sys/class/thermal"), "cooling_device")
    for device in devices:
        kind, state = text(below(device, "type")) or "", number(below(device, "cur_state"))
        if state and ("cpufreq" in kind or kind == "Processor"):
            active.append(f"{kind} at state {state:.0f}")
    return ", ".join(active) or ("none" if devices else None)


def _vcgencmd(root: Path) -> str | None:
    for path in (below(root, "usr/bin/vcgencmd"), below(root, "opt/vc/bin/vcgencmd")):
        try:
            out = subprocess.run([path, "get_throttled"], capture_output=True, text=True, timeout=5)
        except (OSError, subprocess.SubprocessError):
            continue
        if out.returncode == 0 and "=" in out.stdout:
            return out.stdout.strip().partition("=")[2]
    return None


def memory_mb(field: str, path: Path = Path("/proc/meminfo")) -> int | None:
    """MiB of *field* in one of the kernel's files: MemTotal there, or VmRSS in /proc/self/status."""
    for line in (text(path) or "").splitlines():
        fields = line.split()
        if len(fields) >= 2 and fields[0] == f"{field}:" and fields[1].isdigit():
            return int(fields[1]) >> 10
    return None


def _os_name(root: Path) -> str | None:
    for line in (text(root / "etc/os-release") or "").splitlines():
        key, _, value = line.partition("=")
        if key == "PRETTY_NAME":
            return value.strip("\"'") or None
    return None
