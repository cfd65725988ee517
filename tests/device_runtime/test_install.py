"""install.sh on this machine, with this environment's packages in place of the network."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import msgspec
import pytest

from device_runtime.bundle.manifest import Manifest, read_manifest
from device_runtime.bundle.verify import local_names
from host.bundle.device_package import copy_device_package

LOCAL_MODULE_NAME, _ = local_names("model.so")
Seal = Callable[[Path, Manifest], Manifest]
SITE = Path(find_spec("numpy").origin).parents[1]  # type: ignore[union-attr, arg-type]


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a build adds to a bundle of this package: wheel, install.sh and requirements.txt."""
    folder = tmp_path_factory.mktemp("package")
    copy_device_package(folder)
    return folder


@pytest.fixture
def shipped(bundle: Path, package: Path, seal: Seal) -> Path:
    """A bundle as a board gets it; its requirements are met by a .pth file, so that no network is needed."""
    shutil.copytree(package, bundle, dirs_exist_ok=True)
    (bundle / "requirements.txt").write_text("# none\n")
    seal(bundle, read_manifest(bundle))
    return bundle


def lend_packages(bundle: Path) -> None:
    """Make the venv beforehand, so that it finds this environment's numpy and cv2."""
    subprocess.run([sys.executable, "-m", "venv", bundle / "venv"], check=True)
    for site in (bundle / "venv/lib").glob("python*/site-packages"):
        (site / "lent.pth").write_text(f"{SITE}\n")


def install(bundle: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run install.sh from another folder."""
    # cv2 adds the current folder to LD_LIBRARY_PATH for the children of this process.
    inherited = {key: value for key, value in os.environ.items() if key != "LD_LIBRARY_PATH"}
    return subprocess.run(
        ["sh", str(bundle / "install.sh")],
        cwd="/",
        env={**inherited, "PYTHON": sys.executable, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_installs_and_checks_itself_twice(shipped: Path) -> None:
    lend_packages(shipped)
    for _ in range(2):
        done = install(shipped)
        assert done.returncode == 0, done.stderr
        assert "golden inputs within" in done.stdout
        assert not (shipped / LOCAL_MODULE_NAME).exists()
    # In another folder, the installed command finds the bundle it came with.
    done = subprocess.run([shipped / "venv/bin/lpr-run", "--check"], cwd="/", capture_output=True, text=True)
    assert "bundle for tiny (fp32) is whole" in done.stdout, done.stderr


@pytest.mark.slow
def test_links_the_archive_where_the_module_cannot_be_loaded(
    shipped: Path, seal: Seal, tmp_path: Path
) -> None:
    # A module that needs a symbol nobody has stands for one that needs a newer C library.
    source = tmp_path / "needs.c"
    source.write_text("extern int not_on_this_board(void); int f(void) { return not_on_this_board(); }")
    (shipped / "model.so").unlink()
    command = ["cc", "-shared", "-fPIC", "-Wl,-z,now", str(source)]
    subprocess.run([*command, "-o", str(shipped / "model.so")], check=True)
    seal(shipped, read_manifest(shipped))
    lend_packages(shipped)
    done = install(shipped)
    assert done.returncode == 0, done.stderr
    assert "linking model.tar" in done.stdout
    assert "golden inputs within" in done.stdout
    assert (shipped / LOCAL_MODULE_NAME).is_file()
    done = install(shipped, CC="false")
    assert done.returncode == 2
    assert "error: model.tar: cannot be linked" in done.stderr
    assert not (shipped / LOCAL_MODULE_NAME).exists()
    assert not (shipped / ".link").exists()


@pytest.mark.slow
def test_a_damaged_bundle_is_not_installed(shipped: Path) -> None:
    with (shipped / "golden.bin").open("ab") as file:
        file.write(b"x")
    lend_packages(shipped)
    done = install(shipped)
    assert done.returncode == 2
    assert "golden.bin: has" in done.stderr


def test_another_architecture_is_refused_at_once(shipped: Path, seal: Seal) -> None:
    manifest = read_manifest(shipped)
    target = msgspec.structs.replace(manifest.target, name="visionfive2", arch="riscv64")
    seal(shipped, msgspec.structs.replace(manifest, target=target))
    done = install(shipped)
    assert done.returncode == 2
    assert done.stderr.startswith("error: bundle for target visionfive2: needs riscv64, this system is ")
    assert done.stderr.count("\n") == 1


def test_a_python_that_is_not_there_is_named(shipped: Path) -> None:
    done = install(shipped, PYTHON="python3.0")
    assert done.returncode == 2
    assert done.stderr.startswith("error: python3.0: not found")
