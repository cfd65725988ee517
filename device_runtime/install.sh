#!/bin/sh
# Installs this bundle on the board it was built for: makes venv/ here, with lpr-run in it, and checks that the
# module computes what it computed on the host. Run it again at any time.
#   PYTHON=python3.11 sh install.sh     another Python than python3 (3.10 or newer)
#   a folder wheels/ beside this file   install from there, without a network
set -eu
cd "$(dirname "$0")"

fail() {
    echo "error: $1" >&2
    exit 2
}

python=${PYTHON:-python3}
command -v "$python" >/dev/null 2>&1 || fail "$python: not found – apt install python3 python3-venv"
[ -f manifest.json ] || fail "manifest.json: not here – copy the whole bundle"

# The architecture Python runs in, not the kernel's: a 32-bit system may run under a 64-bit kernel.
arch=$("$python" - <<'END'
import json, platform, struct, sys
if sys.version_info < (3, 10):
    sys.exit("error: %s: is Python %d.%d – install Python 3.10 or newer and name it with PYTHON="
             % ((sys.executable,) + sys.version_info[:2]))
here = platform.machine().lower()
here = {"amd64": "x86_64", "arm64": "aarch64", "armv8l": "armv7l"}.get(here, here)
if struct.calcsize("P") == 4:
    here = {"aarch64": "armv7l", "x86_64": "i686"}.get(here, here)
target = json.load(open("manifest.json", encoding="utf-8"))["target"]
if here != target["arch"]:
    sys.exit("error: bundle for target %s: needs %s, this system is %s – build a target for this board"
             % (target["name"], target["arch"], here))
print(here)
END
) || exit 2

site=
case $arch in
armv7l | riscv64)
    "$python" -c 'import numpy, cv2' 2>/dev/null ||
        fail "numpy and OpenCV: no wheels for $arch – apt install python3-numpy python3-opencv, and gcc python3-dev for msgspec"
    site=--system-site-packages
    ;;
esac

echo "making venv/ with $("$python" --version)"
# shellcheck disable=SC2086 # empty or one word
"$python" -m venv $site venv || fail "venv: cannot be made – apt install python3-venv, and check that this folder is writable"

echo "installing lpr-run"
set -- --quiet --disable-pip-version-check
[ -d wheels ] && set -- "$@" --no-index --find-links wheels
venv/bin/python -m pip install "$@" --requirement requirements.txt ||
    fail "pip: cannot install requirements.txt – check the network, or put the wheels into wheels/"
venv/bin/python -m pip install "$@" --no-deps --force-reinstall lpr_device_runtime-*.whl ||
    fail "pip: cannot install lpr_device_runtime – copy the whole bundle"

# Checks the signature where --require-signature asks for it; without it the bundle runs all the same.
if [ -f manifest.sig ] && ! venv/bin/python -c 'import nacl.signing' 2>/dev/null; then
    venv/bin/python -m pip install "$@" --only-binary=:all: 'PyNaCl>=1.5' 2>/dev/null ||
        echo "PyNaCl: cannot be installed, so --require-signature will not work – apt install python3-nacl, or put its wheel and cffi's into wheels/" >&2
fi

# Under "||" the shell no longer stops at a failing command, hence the chain.
link() {
    rm -rf .link && mkdir .link && tar -xf "$1.tar" -C .link &&
        find .link -name '*.o' | sort | xargs "${CC:-cc}" -shared -o ".link/$1.so" &&
        mv ".link/$1.so" "$1.local.so" &&
        sha256sum "$1.local.so" >"$1.local.sha256" &&
        rm -rf .link
}

unlink_all() {
    rm -rf .link
    rm -f ./*.local.so ./*.local.sha256
}

unlink_all
if ! checked=$(venv/bin/lpr-run --bundle . --check 2>&1); then
    case $checked in
    *model.so*"cannot be loaded"* | *locator.so*"cannot be loaded"*) ;;
    *)
        echo "$checked" >&2
        exit 2
        ;;
    esac
    echo "the bundle's modules cannot be loaded on this system; linking model.tar with ${CC:-cc}"
    command -v "${CC:-cc}" >/dev/null 2>&1 || fail "${CC:-cc}: not found – apt install gcc, or build with this board's glibc"
    for module in model locator; do
        [ -f "$module.tar" ] || continue
        link "$module" || {
            unlink_all
            fail "$module.tar: cannot be linked – build the bundle with this board's glibc"
        }
    done
    checked=$(venv/bin/lpr-run --bundle . --check 2>&1) || {
        unlink_all
        echo "$checked" >&2
        exit 2
    }
fi
echo "$checked"
echo "ready: $(pwd)/venv/bin/lpr-run --help"
