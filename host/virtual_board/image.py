"""The disk, kernel and initial RAM disk of a 64-bit ARM board with Debian, made once and kept.

No program of the board runs while they are made: packages are unpacked, and what their scripts would set up
is written by `guest/finish-root.sh`. The module v4l2loopback, a camera that plays what is written to it, is
cross-compiled against the kernel's headers.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from device_runtime.errors import FatalError
from host.cache import cached
from host.emulate.root import SUITE, apt_environment, run_tool, unpack_debian
from host.paths import CACHE

LOG = logging.getLogger(__name__)

GUEST = Path(__file__).resolve().parent / "guest"
"""What runs on the board, or makes its disk."""

DEBIAN = "arm64"
PACKAGES = (
    *("systemd-sysv", "udev", "dbus", "kmod", "iproute2", "openssh-server", "libpam-systemd", "procps"),
    *("linux-image-arm64", "busybox-static", "python3", "python3-venv", "v4l-utils", "e2fsprogs"),
    # Essential ones, which apt does not name itself.
    *(
        "base-files",
        "base-passwd",
        "bash",
        "coreutils",
        "dash",
        "debianutils",
        "diffutils",
        "findutils",
        "grep",
    ),
    *("gzip", "hostname", "libc-bin", "login", "mawk", "mount", "ncurses-bin", "passwd", "sed", "tar"),
    *("util-linux", "util-linux-extra"),
)
_MODULES = "./lib/modules/*/kernel"
EXCLUDED = (
    *(f"./usr/share/{name}" for name in ("man", "doc", "locale", "info", "lintian")),
    "./boot/System.map*",
    # 240 MB of drivers; cameras, USB and serial lines are kept.
    *(f"{_MODULES}/sound", f"{_MODULES}/net/netfilter"),
    *(f"{_MODULES}/fs/{name}" for name in ("btrfs", "ceph", "cifs", "nfs", "nfsd", "ocfs2", "xfs")),
    *(f"{_MODULES}/drivers/media/{name}" for name in ("dvb-frontends", "pci", "tuners")),
    *(
        f"{_MODULES}/drivers/{name}"
        for name in (
            *("ata", "bluetooth", "gpu", "hid", "hwmon", "iio", "infiniband", "input", "isdn", "md", "mtd"),
            *("net/ethernet", "net/wireless", "scsi", "staging"),
        )
    ),
)
KBUILD = "linux-kbuild-6.1"
COMPILER = "aarch64-linux-gnu-"
DISK_BYTES = 2 << 30
TOOLS = {
    "qemu-system-aarch64": "qemu-system-arm",
    "qemu-img": "qemu-utils",
    "mkfs.ext4": "e2fsprogs",
    "cpio": "cpio",
    "depmod": "kmod",
    "ssh": "openssh-client",
    "make": "make",
    f"{COMPILER}gcc": "g++-aarch64-linux-gnu",
}
"""Commands that are needed here, and Debian's packages that have them."""


@dataclass(frozen=True)
class Image:
    """What a board boots from; it is never written to.

    Attributes:
        folder: with all of it.
    """

    folder: Path

    @property
    def disk(self) -> Path:
        """ext4, raw."""
        return self.folder / "disk.img"

    @property
    def kernel(self) -> Path:
        return self.folder / "vmlinuz"

    @property
    def initramfs(self) -> Path:
        return self.folder / "initrd.gz"

    @property
    def key(self) -> Path:
        """The private key that its users pi and root let in."""
        return self.folder / "key"


def base_image(cache: Path = CACHE) -> Image:
    """The image, made on first use: 100 MB are fetched, 400 MB kept.

    Raises:
        FatalError: a tool is missing, the mirror does not answer, or this is not root, who owns the files.
    """
    for tool, package in TOOLS.items():
        if shutil.which(tool, path=f"{os.environ['PATH']}:/usr/sbin:/sbin") is None:
            raise FatalError(tool, "is not on PATH", f"run `apt-get install {package}`")
    folder = cached(cache / "boards" / f"{DEBIAN}-{_key()}", _fill)
    return Image(folder)


def _key() -> str:
    digest = hashlib.sha256(repr((SUITE, PACKAGES, EXCLUDED, KBUILD, DISK_BYTES)).encode())
    for name in ("finish-root.sh", "make-initramfs.sh"):
        digest.update((GUEST / name).read_bytes())
    return digest.hexdigest()[:12]


def _fill(folder: Path) -> None:
    if os.geteuid() != 0:
        raise FatalError("a board's disk", "can only be made by root", "run it as root, once")
    LOG.info("virtual board: unpacking Debian's packages, once")
    image = Image(folder)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="root-") as scratch:
        root = Path(scratch) / "root"
        for name in ("bin", "sbin", "lib"):
            (root / "usr" / name).mkdir(parents=True)
            (root / name).symlink_to(f"usr/{name}")
        root.chmod(0o755)
        unpack_debian(DEBIAN, PACKAGES, root, EXCLUDED)
        (kernel,) = (root / "lib" / "modules").iterdir()
        LOG.info("virtual board: compiling v4l2loopback for %s", kernel.name)
        _add_loopback(Path(scratch), kernel)
        run_tool(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(image.key)], "ssh-keygen")
        finish = ["sh", str(GUEST / "finish-root.sh"), str(root), f"{image.key}.pub"]
        run_tool(finish, "finish-root.sh", {"PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"})
        make = ["sh", str(GUEST / "make-initramfs.sh"), str(root), str(image.initramfs)]
        run_tool(make, "make-initramfs.sh", {"PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"})
        shutil.copyfile(next((root / "boot").glob("vmlinuz-*")), image.kernel)
        with image.disk.open("wb") as disk:
            disk.truncate(DISK_BYTES)
        options = ["-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0"]
        run_tool(["/usr/sbin/mkfs.ext4", *options, "-d", str(root), str(image.disk)], "mkfs.ext4")


def _add_loopback(work: Path, modules: Path) -> None:
    """Compile v4l2loopback.ko for the kernel whose *modules* are in that folder, and put it there."""
    common = modules.name.removesuffix(f"-{DEBIAN}")
    here = run_tool(["dpkg", "--print-architecture"], "dpkg").strip()
    downloads, sources = work / "downloads", work / "sources"
    downloads.mkdir()
    environment = apt_environment(work / "apt", DEBIAN, [] if here == DEBIAN else [here])
    packages = [f"linux-headers-{common}-common", f"linux-headers-{modules.name}", f"{KBUILD}:{here}"]
    for package in (*packages, "v4l2loopback-dkms"):
        # apt downloads into the folder that it is started in.
        fetch = ["sh", "-c", f'cd "$1" && apt-get download --quiet {package}', "sh", str(downloads)]
        run_tool(fetch, package, environment)
    for file in sorted(downloads.glob("*.deb")):
        run_tool(["dpkg-deb", "-x", str(file), str(sources)], file.name)
    headers = sources / "usr" / "src" / f"linux-headers-{modules.name}"
    makefile = headers / "Makefile"
    makefile.write_text(makefile.read_text().replace("/usr/src", f"{sources}/usr/src"))
    (module,) = (sources / "usr" / "src").glob("v4l2loopback-*")
    make = ["make", "-C", str(headers), f"M={module}", "ARCH=arm64", f"CROSS_COMPILE={COMPILER}"]
    run_tool([*make, f"CC={COMPILER}gcc", "modules"], "v4l2loopback")
    built = module / "v4l2loopback.ko"
    run_tool([f"{COMPILER}strip", "--strip-debug", str(built)], "v4l2loopback.ko")
    (modules / "extra").mkdir()
    shutil.copy(built, modules / "extra")
