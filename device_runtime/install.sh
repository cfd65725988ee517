#!/bin/sh
# Installs this bundle on the board it was built for: makes venv/ here, with lpr-run in it, and checks that the
# module computes what it computed on the host. Run it again at any time.
#   PYTHON=python3.11 sh install.sh     another Python than python3 (3.10 or newer)
#   a folder wheels/ beside this file   install from there, without a network
#   sudo sh install.sh --service        and run it as a service from now on, as a user of its own
#   CURRENT=/opt/lpr/current sudo -E sh install.sh --service    the unit names this link, and nothing is restarted:
#                                       whoever keeps several bundles leads the link to this one then
#   DESTDIR=/mnt sudo sh install.sh --service      the same into an image; nothing is started
set -eu
cd "$(dirname "$0")"

fail() {
    echo "error: $1" >&2
    exit 2
}

service=
for option; do
    case $option in
    --service) service=yes ;;
    *) fail "$option: is no option – sh install.sh [--service]" ;;
    esac
done

folder=$(pwd -P)
folder=${folder#"${DESTDIR:-}"}
if [ -n "$service" ]; then
    [ "$(id -u)" = 0 ] || fail "--service: needs root – sudo sh install.sh --service"
    command -v systemd-sysusers >/dev/null 2>&1 || fail "--service: this system is not run by systemd – start lpr-run yourself"
    case $folder in
    /home/* | /root/* | /tmp/* | /var/tmp/* | /run/user/*)
        fail "$folder: is closed to services – copy the bundle to /opt/lpr and run install.sh there"
        ;;
    esac
    case $folder${CURRENT:-} in
    *[!A-Za-z0-9/._+-]*)
        fail "$folder: has characters that a unit's file would have to quote – copy the bundle to /opt/lpr"
        ;;
    esac
fi

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

# Ctrl-C waits until lpr-run is there to end by it, see device_runtime/interrupt.py; old kernels take 127 bytes.
if /usr/bin/env --block-signal=INT true 2>/dev/null; then
    sed -i '1s|^#!\(/[A-Za-z0-9/._+-]\{1,80\}\)$|#!/usr/bin/env -S --block-signal=INT \1|' venv/bin/lpr-run
fi

# Checks the signature where --require-signature asks for it; without it the bundle runs all the same.
if [ -f manifest.sig ] && ! venv/bin/python -c 'import nacl.signing' 2>/dev/null; then
    venv/bin/python -m pip install "$@" --only-binary=:all: 'PyNaCl>=1.5' 2>/dev/null ||
        echo "PyNaCl: cannot be installed, so --require-signature will not work – apt install python3-nacl, or put its wheel and cffi's into wheels/" >&2
fi

# Under "||" the shell no longer stops at a failing command, hence the chain.
link() {
    rm -rf .link && mkdir .link && tar -xzf "$1.tar.gz" -C .link &&
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
    echo "the bundle's modules cannot be loaded on this system; linking model.tar.gz with ${CC:-cc}"
    command -v "${CC:-cc}" >/dev/null 2>&1 || fail "${CC:-cc}: not found – apt install gcc, or build with this board's glibc"
    for module in model locator; do
        [ -f "$module.tar.gz" ] || continue
        link "$module" || {
            unlink_all
            fail "$module.tar.gz: cannot be linked – build the bundle with this board's glibc"
        }
    done
    checked=$(venv/bin/lpr-run --bundle . --check 2>&1) || {
        unlink_all
        echo "$checked" >&2
        exit 2
    }
fi
echo "$checked"
if [ -z "$service" ]; then
    echo "ready: $(pwd)/venv/bin/lpr-run --help"
    exit 0
fi

etc=${DESTDIR:-}/etc
mkdir -p "$etc/systemd/system" "$etc/sysusers.d" "$etc/lpr"
# A member of a group that is not there makes it.
cat >"$etc/sysusers.d/lpr.conf" <<'END'
u lpr - "License-plate reader" /var/lib/lpr
m lpr video
m lpr dialout
END
systemd-sysusers --root="${DESTDIR:-/}" "$etc/sysusers.d/lpr.conf" || fail "user lpr: cannot be made – see above"
sed "s#@BUNDLE@#${CURRENT:-$folder}#g" lpr-run.service >"$etc/systemd/system/.lpr-run.service.new"
mv "$etc/systemd/system/.lpr-run.service.new" "$etc/systemd/system/lpr-run.service"
[ -e "$etc/lpr/lpr.toml" ] || cat >"$etc/lpr/lpr.toml" <<'END'
# Settings of the service lpr-run; after a change: systemctl restart lpr-run
[source]
camera = "0"

[delivery]
# events = "https://host.example/items"
# report = "https://host.example/items"

[view]
# address = "8081"
END
# Whatever root's umask is.
chmod 755 "$etc/lpr"
chmod 644 "$etc/lpr/lpr.toml" "$etc/systemd/system/lpr-run.service"
[ -e "$etc/lpr/environment" ] || (
    umask 077
    cat >"$etc/lpr/environment" <<'END'
# Secrets of the service lpr-run, a line each; root alone reads this file.
# LPR_TOKEN=
# LPR_VIEW_TOKEN=
# LPR_SERVE_TOKEN=
END
)
if [ -n "${DESTDIR:-}" ]; then
    mkdir -p "$etc/systemd/system/multi-user.target.wants"
    ln -sf ../lpr-run.service "$etc/systemd/system/multi-user.target.wants/lpr-run.service"
    echo "ready: the service lpr-run starts with the image; its settings are /etc/lpr/lpr.toml"
    exit 0
fi
# As the service will: the folder may be closed to others.
runuser -u lpr -- "$folder/venv/bin/lpr-run" --bundle "$folder" --check >/dev/null ||
    fail "$folder: user lpr cannot run it – chmod -R go+rX $folder, and its folders above"
systemctl daemon-reload
systemctl enable lpr-run
[ -n "${CURRENT:-}" ] || systemctl try-restart lpr-run
echo "ready: edit /etc/lpr/lpr.toml, then: sudo systemctl restart lpr-run; journalctl -f -u lpr-run"
