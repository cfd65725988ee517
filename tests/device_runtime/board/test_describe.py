from __future__ import annotations

import os
import platform
from pathlib import Path

import pytest

from device_runtime.board import describe as board
from device_runtime.board.describe import describe, raspberry_throttling

PI = {
    "proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.4\0",
    "proc/meminfo": "MemTotal:        3884360 kB\nMemFree: 1 kB\n",
    "etc/os-release": 'NAME="Debian"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n',
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "ondemand\n",
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": "1500000\n",
    "sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq": "1800000\n",
    "sys/class/thermal/thermal_zone0/type": "cpu-thermal\n",
    "sys/class/thermal/thermal_zone0/temp": "61342\n",
    "sys/class/thermal/thermal_zone1/type": "wifi\n",
    "sys/class/thermal/thermal_zone1/temp": "80000\n",
    "sys/class/thermal/thermal_zone2/temp": "-274000\n",
    "sys/devices/platform/soc/soc:firmware/get_throttled": "50005\n",
}


def plant(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_a_raspberry_pi(tmp_path: Path) -> None:
    found = describe(plant(tmp_path, PI))
    assert found.model == "Raspberry Pi 4 Model B Rev 1.4"
    assert (found.governor, found.frequency_mhz, found.max_frequency_mhz) == ("ondemand", 1500, 1800)
    assert found.temperature_c == 61.342
    assert found.throttling == "under-voltage, throttled"
    assert found.memory_mb == 3793
    assert found.os == "Debian GNU/Linux 12 (bookworm)"
    assert found.cores == os.cpu_count()
    assert found.kernel == f"Linux {platform.release()}"


def test_throttling_bits() -> None:
    assert raspberry_throttling(0) == "none"
    assert raspberry_throttling(0x50000) == "under-voltage since boot, throttled since boot"
    assert raspberry_throttling(0x80008) == "soft temperature limit"


def test_vcgencmd_is_asked(tmp_path: Path) -> None:
    command = (
        plant(tmp_path, {"usr/bin/vcgencmd": "#!/bin/sh\necho throttled=0x20002\n"}) / "usr/bin/vcgencmd"
    )
    assert describe(tmp_path).throttling is None
    command.chmod(0o755)
    assert describe(tmp_path).throttling == "frequency capped"
    command.write_text("#!/bin/sh\necho throttled=what\n")
    assert describe(tmp_path).throttling is None
    command.write_text("#!/bin/sh\nexit 1\n")
    assert describe(tmp_path).throttling is None


def test_cooling_devices(tmp_path: Path) -> None:
    device = {"sys/class/thermal/cooling_device0/type": "thermal-cpufreq-0\n"}
    assert (
        describe(plant(tmp_path, device | {"sys/class/thermal/cooling_device0/cur_state": "0"})).throttling
        == "none"
    )
    plant(tmp_path, {"sys/class/thermal/cooling_device0/cur_state": "2"})
    assert describe(tmp_path).throttling == "thermal-cpufreq-0 at state 2"


def test_a_computer_with_firmware_tables(tmp_path: Path) -> None:
    dmi = "sys/devices/virtual/dmi/id/"
    plant(tmp_path, {dmi + "sys_vendor": "LENOVO\n", dmi + "product_name": "20XW\n"})
    assert board.model(tmp_path) == "LENOVO 20XW"


def test_an_empty_file_system(tmp_path: Path) -> None:
    found = describe(tmp_path)
    assert (found.model, found.governor, found.temperature_c, found.memory_mb, found.os) == (None,) * 5
    assert (found.throttling, found.frequency_mhz) == (None, None)


@pytest.mark.parametrize("junk", ["", "\0\0", "x" * 1000, "MemTotal:", "MemTotal: many kB", "=\n=", "ﬀ"])
def test_nonsense_in_every_file(tmp_path: Path, junk: str) -> None:
    plant(tmp_path, dict.fromkeys(PI, junk))
    found = describe(tmp_path)
    assert (found.temperature_c, found.memory_mb, found.frequency_mhz, found.throttling) == (None,) * 4


def test_this_machine() -> None:
    assert describe().memory_mb
