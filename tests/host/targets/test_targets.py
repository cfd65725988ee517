from __future__ import annotations

from pathlib import Path

import pytest
import tomllib
import tvm

from device_runtime.errors import FatalError
from host.targets.features import LLVM_NAMES
from host.targets.native import Machine, detect
from host.targets.profile import INSTRUCTION_FAMILIES, Target
from host.targets.read import list_targets, load_target, read_target
from host.targets.schema import flatten

NATIVE_PROFILE = {
    "display_name": "This machine",
    "recipe.precision": "int8",
    "recipe.pruning": "tiny",
    "link.prefer": "g++",
}
PROFILE = Path(__file__).parents[3] / "targets" / "rpi4.toml"


def changed(tmp_path: Path, old: str, new: str) -> Path:
    text = PROFILE.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "board.toml"
    path.write_text(text.replace(old, new), encoding="utf-8")
    return path


def refusal(path: Path) -> str:
    with pytest.raises(FatalError) as caught:
        read_target(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_issue_boards_have_profiles() -> None:
    assert {
        *("native", "x86-64-v3", "x86-64-vnni", "zen4", "rpi3", "rpi4", "rpi5", "rpi-zero2w", "jetson-nano"),
        *("orin-nano", "rk3588", "imx8mp", "rpi2", "visionfive2"),
    } <= set(list_targets())


@pytest.mark.parametrize("name", list_targets())
def test_llvm_takes_every_profile_and_required_features_cover_what_it_may_emit(name: str) -> None:
    target = load_target(name)
    parsed = tvm.target.Target(target.tvm_target())
    assert target.isa in INSTRUCTION_FAMILIES[target.arch]
    enabled = {str(f) for f in tvm.target.codegen.llvm_get_cpu_features(parsed)}
    names = LLVM_NAMES[target.arch]
    required = {names[f] for f in target.cpu_features}
    assert required <= enabled
    if target.arch != "armv7l":
        assert enabled & set(names.values()) == required


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("cores = 4", 'cores = "four"', ["cores", "'four'", "from 1 to 1024"]),
        ("cores = 4", "cores = 0", ["cores", "0", "from 1 to 1024"]),
        ("cores = 4", "cores = true", ["cores", "True", "from 1 to 1024"]),
        ("ram_mb = 1024", "ram_mb = 1", ["ram_mb", "1", "64"]),
        ('arch = "aarch64"', 'arch = "arm64"', ["arch", "'arm64'", "x86_64, aarch64, armv7l, riscv64"]),
        ('arch = "aarch64"\n', "", ["arch", "missing", "x86_64, aarch64, armv7l, riscv64"]),
        ('isa = "neon"', 'isa = "avx2"', ["isa", "'avx2'", "neon-dotprod, neon, generic"]),
        ('"asimd"', '"neon"', ["cpu_features", "'neon'", "asimddp"]),
        ('glibc = "2.31"', 'glibc = "musl"', ["glibc", "'musl'", "2.31"]),
        ('mcpu = "cortex-a72"', 'mcpu = "cortex-a27"', ["llvm.mcpu", "'cortex-a27'", "cortex-a72"]),
        ('"-aes"', '"aes"', ["llvm.mattr", "'aes'", "+ or -"]),
        ('"-aes"', '"-sse2"', ["llvm.mattr", "'-sse2'", "dotprod"]),
        ('mtriple = "aarch64-linux-gnu"', 'mtriple = "arm"', ["llvm.mtriple", "'arm'", "aarch64-linux-gnu"]),
        ("mattr =", 'mabi = "lp64d"\nmattr =', ["llvm.mabi", "'lp64d'", "nothing on this architecture"]),
        (
            'precision = "int8"',
            'precision = "int4"',
            ["recipe.precision", "'int4'", "fp32, fp16, bf16, int8"],
        ),
        ('pruning = "tiny"', 'pruning = "half"', ["recipe.pruning", "'half'", "none, light, tiny"]),
        ('prefer = "aarch64-linux-gnu-g++"', 'prefer = "gcc -m64"', ["link.prefer", "'gcc -m64'"]),
        ('fallback = "aarch64-linux-gnu"', 'fallback = "arm64"', ["link.fallback", "'arm64'"]),
        ("baud = 115200", "baud = 12345", ["reach.baud", "12345", "115200"]),
        ('"/dev/ttyUSB0"', '"COM1"', ["reach.serial_port", "'COM1'", "/dev/ttyUSB0"]),
        ("pi@raspberrypi.local", "pi at home", ["reach.ssh_host", "'pi at home'", "user@host"]),
        ("https://", "http://", ["vendor_url", "https://"]),
        ("[llvm]", "[llvm]\nopt = 3", ["llvm.opt", "unknown key", "3", "llvm.mcpu"]),
        ("cores = 4", 'cores = 4\ncolour = "green"', ["colour", "unknown key", "'green'", "display_name"]),
        ("cores = 4\n", "", ["cores", "missing"]),
        ('[llvm]\nmtriple = "aarch64-linux-gnu"', "[llvm]", ["llvm.mtriple", "missing"]),
    ],
)
def test_wrong_profile_names_file_key_value_and_accepted(
    tmp_path: Path, old: str, new: str, words: list[str]
) -> None:
    path = changed(tmp_path, old, new)
    message = refusal(path)
    for word in [str(path), *words, "accepted:" if "missing" not in words else "accepted"]:
        assert word in message


def test_unreadable_profiles(tmp_path: Path) -> None:
    assert "No such file" in refusal(tmp_path / "none.toml")
    broken = tmp_path / "broken.toml"
    broken.write_text("cores = = 4")
    assert "not valid TOML" in refusal(broken)
    broken.write_bytes(b"\xff\xfe")
    assert "not valid TOML" in refusal(broken)


def test_unknown_target_lists_the_known() -> None:
    with pytest.raises(FatalError, match="no such target") as caught:
        load_target("rpi9")
    assert all(name in str(caught.value) for name in list_targets())


def test_a_new_board_is_a_new_file(tmp_path: Path) -> None:
    path = changed(tmp_path, "Raspberry Pi 4 Model B", "A board of mine")
    assert load_target(path).display_name == "A board of mine"
    assert load_target("board", directory=tmp_path) == load_target(path)


def machine(arch: str, features: str, llvm_cpu: str) -> Target:
    key = "flags" if arch == "x86_64" else "Features"
    here = Machine(
        arch=arch,
        cpuinfo=f"processor : 0\nmodel name : Test CPU\n{key}\t: {features}\n",
        cores=2,
        ram_mb=4096,
        glibc="2.36",
    )
    return detect(NATIVE_PROFILE, here, llvm_cpu)


AVX2 = "pni ssse3 sse4_1 sse4_2 popcnt abm bmi1 bmi2 movbe avx f16c fma avx2"
AVX512 = AVX2 + " avx512f avx512dq avx512cd avx512bw avx512vl"


@pytest.mark.parametrize(
    ("arch", "features", "llvm_cpu", "isa", "attributes"),
    [
        ("x86_64", "sse sse2", "x86-64", "generic", set()),
        ("x86_64", AVX2, "haswell", "avx2", {"+avx2"}),
        ("x86_64", AVX2 + " avx_vnni", "alderlake", "avxvnni", {"+avxvnni"}),
        ("x86_64", AVX512, "skylake-avx512", "avx2", {"+avx512f", "+prefer-256-bit"}),
        ("x86_64", AVX512 + " avx512_vnni", "znver4", "avx512vnni", {"-prefer-256-bit", "-avx512bf16"}),
        ("x86_64", AVX2, "znver4", "avx2", {"-avx512f", "-avx512vnni"}),
        ("x86_64", AVX2, "a-cpu-of-tomorrow", "avx2", {"+avx2"}),
        ("aarch64", "fp asimd crc32", "cortex-a72", "neon", {"+neon", "-aes", "-sha2"}),
        (
            "aarch64",
            "fp asimd crc32 atomics asimddp",
            "cortex-a76",
            "neon-dotprod",
            {"+dotprod", "-fullfp16"},
        ),
    ],
)
def test_native_goes_by_features_not_by_model(
    arch: str, features: str, llvm_cpu: str, isa: str, attributes: set[str]
) -> None:
    target = machine(arch, features, llvm_cpu)
    assert target.isa == isa
    assert attributes <= set(target.llvm.mattr)
    enabled = {
        str(f) for f in tvm.target.codegen.llvm_get_cpu_features(tvm.target.Target(target.tvm_target()))
    }
    names = LLVM_NAMES[arch]
    assert enabled & set(names.values()) == {names[f] for f in target.cpu_features}


def test_native_refuses_a_machine_without_a_compiler() -> None:
    with pytest.raises(FatalError, match="riscv64"):
        machine("riscv64", "", "generic")


@pytest.mark.parametrize(
    ("isa", "cpu", "flags", "uses"),
    [
        ("avx512vnni", "znver4", "avx512_vnni avx512vl avx512bw", ("zen4", "x86-64-vnni")),
        ("avx512vnni", "znver5", "avx512_vnni avx512vl avx512bw", ("zen4", "x86-64-vnni")),
        ("avx512vnni", "sapphirerapids", "avx512_vnni avx512vl avx512bw", ("x86-64-vnni",)),
        ("avxvnni", "alderlake", "avx_vnni avx2 fma", ("x86-64-v3",)),
        ("avx2", "haswell", "avx2 fma", ("x86-64-v3",)),
        ("generic", "x86-64", "sse2", ()),
    ],
)
def test_this_machine_uses_records_of_its_cpu_before_those_of_its_instructions(
    isa: str, cpu: str, flags: str, uses: tuple[str, ...]
) -> None:
    machine = Machine(arch="x86_64", cpuinfo=f"flags\t: {flags}\n", cores=4, ram_mb=4096, glibc="2.36")
    path = PROFILE.with_name("native.toml")
    profile = flatten(tomllib.loads(path.read_text(encoding="utf-8")))
    target = detect(profile, machine, cpu)
    assert (target.isa, target.tuning_uses) == (isa, uses)


def test_records_of_a_target_that_is_none_are_refused(tmp_path: Path) -> None:
    assert "tuning.uses" in refusal(changed(tmp_path, "uses = []", 'uses = ["rpi9"]'))
