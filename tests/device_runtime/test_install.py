"""install.sh on this machine, with this environment's packages in place of the network."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import msgspec
import pytest

from device_runtime.bundle.manifest import Manifest, read_manifest
from device_runtime.bundle.verify import local_names
from device_runtime.configuration import configure
from host.bundle.device_package import copy_device_package
from host.paths import DEVICE_PACKAGE

needs_systemd = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("systemd-sysusers") or not shutil.which("systemd-analyze"),
    reason="needs root, and systemd's tools: apt install systemd",
)

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
    # install.sh puts pip into it.
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", bundle / "venv"], check=True)
    for site in (bundle / "venv/lib").glob("python*/site-packages"):
        (site / "lent.pth").write_text(f"{SITE}\n")


def install(bundle: Path, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run install.sh from another folder."""
    # cv2 adds the current folder to LD_LIBRARY_PATH for the children of this process.
    inherited = {key: value for key, value in os.environ.items() if key != "LD_LIBRARY_PATH"}
    return subprocess.run(
        ["sh", str(bundle / "install.sh"), *options],
        cwd="/",
        env={**inherited, "PYTHON": sys.executable, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_installs_and_checks_itself_twice(shipped: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    # Where a long first line of a program would be cut off, it is left as it is.
    shipped = shipped.rename(tmp_path_factory.mktemp("b") / "b")
    lend_packages(shipped)
    for _ in range(2):
        done = install(shipped)
        assert done.returncode == 0, done.stderr
        assert "golden inputs within" in done.stdout
        assert not (shipped / LOCAL_MODULE_NAME).exists()
    begin = (shipped / "venv/bin/lpr-run").read_text().splitlines()[0]
    assert begin == f"#!/usr/bin/env -S --block-signal=INT {shipped}/venv/bin/python"
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
    assert "linking model.tar.gz" in done.stdout
    assert "golden inputs within" in done.stdout
    assert (shipped / LOCAL_MODULE_NAME).is_file()
    done = install(shipped, CC="false")
    assert done.returncode == 2
    assert "error: model.tar.gz: cannot be linked" in done.stderr
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


@pytest.mark.slow
@needs_systemd
def test_a_service_is_installed_into_an_image(shipped: Path, tmp_path: Path) -> None:
    """As root; the image is the folder that the bundle lies in."""
    lend_packages(shipped)
    image = shipped.parent
    for _ in range(2):
        done = install(shipped, "--service", DESTDIR=str(image))
        assert done.returncode == 0, done.stderr
        assert "the service lpr-run starts with the image" in done.stdout
    unit = image / "etc/systemd/system/lpr-run.service"
    assert (
        f"ExecStart=/{shipped.name}/venv/bin/lpr-run --bundle /{shipped.name} --config /etc/lpr/"
        in unit.read_text()
    )
    assert (unit.parent / "multi-user.target.wants/lpr-run.service").resolve() == unit
    groups = dict(line.split(":", 1) for line in (image / "etc/group").read_text().splitlines())
    assert groups["video"].endswith(":lpr") and groups["dialout"].endswith(":lpr")
    assert stat.S_IMODE((image / "etc/lpr/environment").stat().st_mode) == 0o600
    asked = configure(image / "etc/lpr/lpr.toml")
    assert asked.source.camera == "0"
    # What a user has changed stays.
    (image / "etc/lpr/lpr.toml").write_text("[source]\ncamera = '1'\n")
    assert install(shipped, "--service", DESTDIR=str(image)).returncode == 0
    assert configure(image / "etc/lpr/lpr.toml").source.camera == "1"


@needs_systemd
def test_a_service_is_not_installed_where_it_could_not_run(shipped: Path) -> None:
    done = install(shipped, "--service", DESTDIR="")
    assert done.returncode == 2
    assert "copy the bundle to /opt/lpr" in done.stderr
    done = install(shipped, "--serve")
    assert done.returncode == 2
    assert done.stderr == "error: --serve: is no option – sh install.sh [--service]\n"


@needs_systemd
def test_the_unit_is_one_that_systemd_knows_and_that_is_shut_in(tmp_path: Path) -> None:
    program = tmp_path / "bundle/venv/bin/lpr-run"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    (tmp_path / "bundle/README.md").touch()
    unit = tmp_path / "lpr-run.service"
    unit.write_text(
        (DEVICE_PACKAGE / "lpr-run.service").read_text().replace("@BUNDLE@", str(tmp_path / "bundle"))
    )
    verified = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True)
    assert (verified.returncode, verified.stderr) == (0, "")
    # 0 is shut in, 10 open; services are at 9.6 by default.
    command = ["systemd-analyze", "security", "--offline=yes", "--threshold=25", str(unit)]
    rated = subprocess.run(command, capture_output=True, text=True)
    assert rated.returncode == 0, rated.stdout
