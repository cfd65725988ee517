from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from nacl.signing import SigningKey

from device_runtime.board.cpu import Cpu
from device_runtime.bundle.manifest import MANIFEST_NAME, Manifest, read_manifest
from device_runtime.bundle.signature import SIGNATURE_NAME, PublicKey, Signature
from device_runtime.bundle.verify import check_board, local_names, verify
from device_runtime.errors import FatalError
from device_runtime.read.engine import Engine

Seal = Callable[[Path, Manifest], Manifest]
LOCAL_MODULE_NAME, LOCAL_HASH_NAME = local_names("model.so")
SECRET = SigningKey(bytes(range(32)))
KEY = PublicKey(b"12345678", bytes(SECRET.verify_key))
PI4 = Cpu("aarch64", "Cortex-A72", frozenset(("fp", "asimd", "evtstrm", "crc32", "cpuid")))


def retarget(manifest: Manifest, **changes: object) -> Manifest:
    return msgspec.structs.replace(manifest, target=msgspec.structs.replace(manifest.target, **changes))


def test_a_whole_bundle_passes(pristine_bundle: Path) -> None:
    found = verify(pristine_bundle)
    assert found.module == pristine_bundle / "model.so"
    assert found.identity == hashlib.sha256((pristine_bundle / "manifest.json").read_bytes()).hexdigest()


@pytest.mark.parametrize("name", ["model.so", "golden.bin", "libtvm_ffi.so", "libtvm_runtime.so"])
def test_one_changed_bit_is_found_before_loading(bundle: Path, name: str) -> None:
    data = bytearray((bundle / name).read_bytes())
    data[len(data) // 2] ^= 1
    (bundle / name).write_bytes(data)
    with pytest.raises(FatalError, match=f"{name}: does not match its SHA-256"):
        Engine.open(bundle)


def test_cut_and_missing_files_are_found(bundle: Path) -> None:
    path = bundle / "model.so"
    data = path.read_bytes()
    path.write_bytes(data[:-1])
    with pytest.raises(FatalError, match=rf"has {len(data) - 1} bytes instead of {len(data)}"):
        Engine.open(bundle)
    path.unlink()
    with pytest.raises(FatalError, match=r"model\.so: cannot be read"):
        Engine.open(bundle)


def test_a_bundle_without_module_is_refused(bundle: Path, seal: Seal) -> None:
    manifest = read_manifest(bundle)
    (bundle / "model.so").unlink()
    seal(bundle, manifest)
    with pytest.raises(FatalError, match=r"lists no model\.so"):
        verify(bundle)


@pytest.mark.parametrize(
    ("arch", "features", "model", "said"),
    [
        (
            "x86_64",
            (),
            "Raspberry Pi 4 Model B Rev 1.4",
            ["needs x86_64", "is aarch64", "Raspberry Pi 4", "target=rpi4"],
        ),
        ("aarch64", ("asimd", "asimddp"), None, ["asimddp", "Cortex-A72", "target=rpi3"]),
        ("aarch64", ("i8mm", "sve"), "Radxa ROCK 5B (RK3588)", ["i8mm, sve", "target=rk3588"]),
    ],
)
def test_another_board_is_told_what_to_build(
    manifest: Manifest, boards: Path, arch: str, features: tuple[str, ...], model: str | None, said: list[str]
) -> None:
    with pytest.raises(FatalError) as caught:
        check_board(retarget(manifest, name="rpi5", arch=arch, cpu_features=features), PI4, model)
    assert all(word in str(caught.value) for word in ["rpi5", *said])


def test_the_target_that_failed_is_not_suggested(manifest: Manifest, boards: Path) -> None:
    with pytest.raises(FatalError, match="target=native"):
        check_board(
            retarget(manifest, name="rpi4", arch="aarch64", cpu_features=("aes",)),
            PI4,
            "Raspberry Pi 4 Model B",
        )


def test_the_right_board_passes(manifest: Manifest) -> None:
    check_board(retarget(manifest, arch="aarch64", cpu_features=("asimd", "crc32")), PI4, None)


def test_features_are_checked_before_the_module_is_loaded(bundle: Path, seal: Seal) -> None:
    manifest = read_manifest(bundle)
    (bundle / "model.so").write_text("would not load")
    seal(bundle, retarget(manifest, cpu_features=("warp_drive",)))
    with pytest.raises(FatalError, match="warp_drive"):
        Engine.open(bundle)


def test_a_module_linked_on_the_board_is_used(bundle: Path) -> None:
    local = bundle / LOCAL_MODULE_NAME
    local.write_bytes((bundle / "model.so").read_bytes())
    with pytest.raises(FatalError, match=LOCAL_HASH_NAME):
        verify(bundle)
    digest = hashlib.sha256(local.read_bytes()).hexdigest()
    (bundle / LOCAL_HASH_NAME).write_text(f"{digest}  {LOCAL_MODULE_NAME}\n")
    assert verify(bundle).module == local
    assert Engine.open(bundle).read(Engine.open(bundle).golden().images[0]).plate
    local.unlink()  # its memory is mapped; writing into it would change the running code
    local.write_bytes(b"changed")
    with pytest.raises(FatalError, match=LOCAL_HASH_NAME):
        verify(bundle)


def test_a_locator_linked_on_the_board_is_used(located_bundle: Path, tmp_path: Path) -> None:
    bundle = Path(shutil.copytree(located_bundle, tmp_path / "bundle"))
    assert verify(bundle).locator == bundle / "locator.so"
    library, hashed = (bundle / name for name in local_names("locator.so"))
    library.write_bytes((bundle / "locator.so").read_bytes())
    with pytest.raises(FatalError, match=r"locator\.local\.sha256"):
        verify(bundle)
    hashed.write_text(hashlib.sha256(library.read_bytes()).hexdigest())
    assert verify(bundle).locator == library


def sign(bundle: Path) -> None:
    manifest = (bundle / MANIFEST_NAME).read_bytes()
    (bundle / SIGNATURE_NAME).write_bytes(Signature(KEY.identity, SECRET.sign(manifest).signature).encode())


def check_in_process(bundle: Path) -> subprocess.CompletedProcess[str]:
    """`lpr-run --check` where nothing has loaded TVM before."""
    command = [sys.executable, "-m", "device_runtime.cli", "--bundle", str(bundle), "--check"]
    command += ["--require-signature", KEY.text]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def leave_a_trace(library: Path, trace: Path) -> None:
    """Make *library* one that, when it is loaded, makes a file *trace*."""
    source = f"""
        #include <stdio.h>
        __attribute__((constructor)) static void loaded(void) {{ fclose(fopen("{trace}", "w")); }}
    """
    library.unlink(missing_ok=True)
    command = ["cc", "-shared", "-fPIC", "-x", "c", "-", "-o", str(library)]
    subprocess.run(command, input=source, text=True, check=True)


def test_a_signed_bundle_is_loaded_from_copies_that_were_checked(
    located_bundle: Path, tmp_path: Path
) -> None:
    bundle = Path(shutil.copytree(located_bundle, tmp_path / "bundle"))
    sign(bundle)
    done = check_in_process(bundle)
    assert done.returncode == 0, done.stderr
    assert f"signed by key {KEY.identity.hex()}" in done.stdout
    found = verify(bundle, keys=(KEY,))
    assert found.signed_by == KEY
    copy, shipped = found.opened(found.module), found.module.read_bytes()
    assert copy.read_bytes() == shipped and not copy.is_relative_to(bundle)
    found.module.write_bytes(b"something else, after the check")
    assert copy.read_bytes() == shipped
    with pytest.raises(FatalError, match="bytes instead of"):
        found.opened(found.module)


def test_what_is_swapped_after_the_check_is_not_loaded(bundle: Path) -> None:
    sign(bundle)
    found = verify(bundle, keys=(KEY,))
    data = bytearray(found.module.read_bytes())
    data[-1] ^= 1
    found.module.write_bytes(data)
    with pytest.raises(FatalError, match="does not match its SHA-256"):
        found.opened(found.module)
    (bundle / "libgcc_s.so.1").write_bytes(b"not listed")
    with pytest.raises(FatalError, match="is not among the files that were signed"):
        found.opened(bundle / "libgcc_s.so.1")


@pytest.mark.parametrize("name", ["model.so", "libtvm_ffi.so", "libtvm_runtime.so"])
def test_nothing_of_a_changed_bundle_is_loaded(bundle: Path, seal: Seal, tmp_path: Path, name: str) -> None:
    sign(bundle)
    leave_a_trace(bundle / name, tmp_path / "loaded")
    # Whoever changes a file can write a manifest that fits it, but no signature.
    seal(bundle, read_manifest(bundle))
    done = check_in_process(bundle)
    assert done.returncode == 2 and "is no signature of this manifest" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    (bundle / SIGNATURE_NAME).unlink()
    assert "is not signed" in check_in_process(bundle).stderr
    assert not (tmp_path / "loaded").exists()


def test_a_library_laid_beside_a_signed_bundle_is_not_loaded(bundle: Path, tmp_path: Path) -> None:
    """The runtime looks for the libraries that it needs beside itself first."""
    sign(bundle)
    leave_a_trace(bundle / "libstdc++.so.6", tmp_path / "loaded")
    done = check_in_process(bundle)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "loaded").exists()


def test_a_module_linked_on_the_board_is_not_signed(bundle: Path) -> None:
    sign(bundle)
    data = (bundle / "model.so").read_bytes()
    (bundle / LOCAL_MODULE_NAME).write_bytes(data)
    (bundle / LOCAL_HASH_NAME).write_text(hashlib.sha256(data).hexdigest())
    assert verify(bundle).module.name == LOCAL_MODULE_NAME
    with pytest.raises(FatalError, match="was linked on this board and has no signature"):
        verify(bundle, keys=(KEY,))
