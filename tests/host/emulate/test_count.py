from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from device_runtime.errors import FatalError
from host.emulate.count import DataCache, count, plugin, qemu_with_plugins
from host.targets.profile import Target
from host.targets.read import load_target

GUEST = r"""
#include <arm_neon.h>
#include <unistd.h>
#include <sys/syscall.h>
float32x4_t a[256], s;
int8x16_t b[64];
int16x8_t t;
int32x4_t u;
int main(void) {
    syscall(4000, 0, 0);
    for (int i = 0; i < 256; i++) s = vfmaq_laneq_f32(s, a[i], s, 1);
    syscall(4000, 1, 7);
    for (int i = 0; i < 64; i++) {
        t = vmull_s8(vget_low_s8(b[i]), vget_high_s8(b[i]));
        u = vpadalq_s16(u, t);
    }
    syscall(4000, 1, 8);
    return 0;
}
"""


@pytest.fixture(scope="module")
def guest(rpi4: Target, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("guest")
    (folder / "guest.c").write_text(GUEST)
    compiler = shutil.which("aarch64-linux-gnu-gcc")
    if compiler is None:
        pytest.skip("needs aarch64-linux-gnu-gcc")
    subprocess.run([compiler, "-O1", "-static", "guest.c", "-o", "guest"], cwd=folder, check=True)
    return folder / "guest"


def test_classes_are_counted_between_markers(guest: Path, rpi4: Target) -> None:
    (first, a), (second, b) = count([guest], rpi4)
    assert (first, second) == (7, 8)
    assert (a.instructions["fma"], a.instructions["multiply_long"]) == (256, 0)
    assert 256 <= a.load_registers < 600
    assert (b.instructions["fma"], b.instructions["multiply_long"]) == (0, 64)
    assert b.instructions["pairwise_add"] == 64
    assert a.l1_misses == 0


def test_counts_repeat(guest: Path, rpi4: Target) -> None:
    assert count([guest], rpi4) == count([guest], rpi4)


def test_a_stream_misses_once_a_line(guest: Path, rpi4: Target) -> None:
    (_, a), _ = count([guest], rpi4, data_cache=DataCache(32 << 10, 2))
    assert 64 <= a.l1_misses <= 70


def test_failures_are_one_line(rpi4: Target, tmp_path: Path) -> None:
    with pytest.raises(FatalError, match="missing"):
        count([tmp_path / "missing"], rpi4)


def test_a_target_without_an_emulator_is_refused() -> None:
    with pytest.raises(FatalError, match="not emulated"):
        qemu_with_plugins(load_target("x86-64-v3"))


def test_plugin_is_built_once(rpi4: Target) -> None:
    path = plugin(qemu_with_plugins(rpi4))
    assert path == plugin(qemu_with_plugins(rpi4))
    assert path.is_file()
