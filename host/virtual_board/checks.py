"""What is tried on a virtual board, a function a check: it says what it saw, or raises `Failed`."""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Callable

from host.trial import Failed, Skipped
from host.virtual_board.deploying import deploys, outlives_a_cut_deployment, refuses_a_bad_bundle
from host.virtual_board.line_end import Inbox
from host.virtual_board.trial import (
    CAMERA,
    HOME,
    KIT,
    LINE,
    OPENED,
    PYTHON,
    RUN,
    SERVICE,
    SETTINGS,
    Trial,
    serve_settings,
    wait_for,
)

CUTS = 5
"""How often the power is cut."""
ITEMS_A_SECOND = 20
IN_1970 = 86_400
"""A second of the clock; no kernel takes one that is less than the board has been running."""
SHOWN = "/run/shown"
"""Number of the frame that the camera shows."""
VIVID = "/sys/bus/platform/drivers/vivid"

Check = Callable[[Trial], str]


def starts(trial: Trial) -> str:
    """From power on to a command over ssh."""
    trial.machine.start()
    seconds = trial.machine.wait()
    kernel = trial.machine.run("uname -r").strip()
    _, state = trial.machine.attempt("systemctl is-system-running --wait")
    if state.strip() != "running":
        _, failed = trial.machine.attempt("systemctl --failed --plain --no-legend")
        raise Failed(f"systemd is {state.strip()}: {failed}")
    return f"Linux {kernel} on {trial.machine.cpu}, ssh after {seconds:.0f} s"


def installs(trial: Trial) -> str:
    """The bundle without a network; `install.sh` checks the golden values."""
    trial.machine.copy(trial.bundle, HOME)
    trial.machine.copy(trial.kit, KIT)
    said = trial.machine.run(f"cd {HOME} && PIP_NO_COMPILE=1 sh install.sh", timeout=1800)
    golden = next((line for line in said.splitlines() if "golden inputs within" in line), None)
    if golden is None:
        raise Failed(f"install.sh did not check the bundle: {said[-200:]}")
    return golden.partition(":")[2].strip()


def signed(trial: Trial) -> str:
    """The signature is checked; a changed bundle and another key are refused."""
    run, attempt = trial.machine.run, trial.machine.attempt
    said = run(f"{RUN} --bundle {HOME} --require-signature {trial.key} --check")
    if "signed by key" not in said:
        raise Failed(f"says nothing of a signature: {said}")
    copy = "/tmp/changed"
    run(f"mkdir -p {copy} && cp {HOME}/*.* {copy} && printf x >>{copy}/golden.bin")
    refused = (
        ("true", "golden.bin"),
        (f"sed -i s/0.1.0/0.1.1/ {copy}/manifest.json", "no signature of this manifest"),
        (f"rm {copy}/manifest.sig", "is not signed"),
    )
    for change, why in refused:
        status, said = attempt(f"{change}; {RUN} --bundle {copy} --require-signature {trial.key} --check")
        if status != 2 or why not in said or len(said.splitlines()) != 1:
            raise Failed(f"instead of refusing ({why}) it said with status {status}: {said}")
    run(f"rm -r {copy}")
    return "taken; a changed file, a changed manifest and no signature are refused"


def reads(trial: Trial) -> str:
    """Pictures of plates."""
    said = trial.machine.run(
        f"{RUN} --bundle {HOME} --crop --images {KIT}/samples --labels name --json", timeout=900
    )
    results = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    right = sum(bool(result["correct"]) for result in results)
    if len(results) != trial.samples or right < trial.samples:
        raise Failed(f"{right} of {trial.samples} plates right")
    return f"{right} of {trial.samples} plates right"


def follows_a_camera(trial: Trial) -> str:
    """A V4L2 camera that shows plates: an event for each, over the serial line, each once."""
    return _follows(trial, "YU12")


def follows_a_camera_with_jpeg(trial: Trial) -> str:
    """The same of a camera that compresses."""
    return _follows(trial, "MJPG")


def _follows(trial: Trial, pixel_format: str) -> str:
    run, inbox = trial.machine.run, trial.inbox
    run(f"cp {KIT}/lpr.toml {SETTINGS}; modprobe v4l2loopback devices=1 video_nr=0 exclusive_caps=1")
    feed = f"{PYTHON} {KIT}/feed.py {KIT}/plates.avi /dev/video0 1 {pixel_format} {SHOWN}"
    before = len(inbox.items)

    def show(number: int) -> None:
        run(f"echo {number} >{SHOWN}.new && mv {SHOWN}.new {SHOWN}")

    show(0)
    try:
        with trial.running("feed", feed), trial.line():
            wait_for(trial, "journalctl -q -o cat -u feed -n 1 | grep -q playing", "plays the video")
            offered = run("v4l2-ctl -d /dev/video0 --list-formats")
            if f"'{pixel_format}'" not in offered:
                raise Failed(f"the camera offers {offered}")
            with trial.running("lpr", f"{RUN} --config {SETTINGS}"):
                for number, text in enumerate(trial.texts, 1):
                    # Until it is told, however slow the board is, and then none for some frames.
                    show(number)
                    if not inbox.wait_for(before + number, 300):
                        raise Failed(f"no event of {text}; it said: {trial.said('lpr')}")
                    show(0)
                    time.sleep(10)
                # What would be told twice would be told by now.
                time.sleep(20)
    finally:
        trial.machine.attempt("modprobe -r v4l2loopback")
    texts = [body.get("text") for body in inbox.bodies[before:]]
    if sorted(map(str, texts)) != sorted(trial.texts):
        raise Failed(f"shown {trial.texts}, told {texts}")
    if wrong := inbox.gaps():
        raise Failed("; ".join(wrong))
    return f"{len(texts)} plates shown as {pixel_format}, as many events with the right text"


def ends_on_sigterm(trial: Trial) -> str:
    """SIGTERM flushes and ends."""
    run = trial.machine.run
    run(CAMERA)
    try:
        with trial.running("lpr", f"{RUN} --config {SETTINGS}", "--property=TimeoutStopSec=60"):
            wait_for(trial, OPENED, "opens the camera")
            time.sleep(5)
            run("systemctl stop lpr")
            _, said = trial.machine.attempt("journalctl --no-pager -q -o short-monotonic -u lpr -n 30")
            if "Killing" in said or "status=" in said:
                raise Failed(f"it did not end by itself: {said}")
    finally:
        trial.machine.attempt("modprobe -r vivid")
    # Systemd's own moments: on an emulated board `systemctl` takes half a second to start.
    stopping, ended = (
        re.findall(rf"(?m)^\[ *([\d.]+)\] \S+ systemd\[1\]: .*{word}", said)
        for word in ("Stopping", "Deactivated")
    )
    if not (stopping and ended):
        raise Failed(f"when did it end? {said}")
    seconds = float(ended[-1]) - float(stopping[-1])
    if seconds > 10:
        raise Failed(f"took {seconds:.1f} s")
    return f"ended after {seconds:.1f} s"


def takes_a_camera_back(trial: Trial) -> str:
    """A camera that fails for a moment, then its plug pulled and put back: frames come again, no restart."""
    run, attempt = trial.machine.run, trial.machine.attempt
    run(CAMERA)
    try:
        with trial.running("lpr", f"{RUN} --config {SETTINGS}"):
            wait_for(trial, OPENED, "opens the camera")
            process = run("systemctl show -p MainPID --value lpr").strip()
            time.sleep(10)
            # All that use it get errors until they have closed it.
            run("v4l2-ctl -d /dev/video0 -c disconnect=1")
            wait_for(trial, _came_back(1), "opens the camera again after an error")
            time.sleep(10)
            run(f"echo vivid.0 >{VIVID}/unbind")
            wait_for(trial, "[ ! -e /dev/video0 ]", "is without a camera")
            time.sleep(10)
            run(f"echo vivid.0 >{VIVID}/bind")
            start = time.monotonic()
            wait_for(trial, _came_back(2), "opens the camera again")
            seconds = time.monotonic() - start
            if run("systemctl show -p MainPID --value lpr").strip() != process:
                raise Failed("it was started again instead of going on")
            said = trial.said("lpr", 6)
    finally:
        attempt("modprobe -r vivid")
    last = said.strip().splitlines()[-1:] or ["nothing"]
    return f"back {seconds:.0f} s after it was put back; it said {last[0][:80]}"


def _came_back(times: int) -> str:
    """A shell condition: the unit lpr has said so often that its camera is back."""
    this = "_SYSTEMD_INVOCATION_ID=$(systemctl show -p InvocationID --value lpr)"
    return f'[ "$(journalctl --no-pager -q -o cat {this} | grep -c "back after")" -ge {times} ]'


def serves(trial: Trial) -> str:
    """`install.sh --service`: systemd starts it as a user of its own and is told when it is ready."""
    run = trial.machine.run
    if "--service" not in run(f"cat {HOME}/install.sh"):
        raise Skipped("this bundle's install.sh has no --service")
    run(f"cd {HOME} && PIP_NO_COMPILE=1 sh install.sh --service", timeout=1800)
    serve_settings(trial)
    run(CAMERA)
    start = time.monotonic()
    status, said = trial.machine.attempt(f"systemctl restart {SERVICE}", timeout=400)
    seconds = time.monotonic() - start
    if status:
        raise Failed(f"it does not start: {trial.said(SERVICE, 5)} {said}")
    shown = run(f"systemctl show -p Type,User,ActiveState --value {SERVICE}").split()
    if shown != ["notify", "lpr", "active"]:
        raise Failed(f"type, user and state are {shown}")
    wait_for(trial, OPENED, "opens the camera")
    return f"ready after {seconds:.0f} s as user lpr, its bundle's signature required"


def is_watched(trial: Trial) -> str:
    """A service that hangs is ended and started again."""
    run, attempt = trial.machine.run, trial.machine.attempt
    if attempt(f"systemctl is-active --quiet {SERVICE}")[0]:
        raise Skipped("the service does not run")
    before = run(f"systemctl show -p MainPID --value {SERVICE}").strip()
    try:
        run(f"kill -STOP {before}")
        start = time.monotonic()
        shown = f"systemctl show -p MainPID --value {SERVICE}"
        changed = f'p=$({shown}); [ "$p" != 0 ] && [ "$p" != {before} ]'
        wait_for(trial, changed, "is started again", 300)
        seconds = time.monotonic() - start
        said = run(f"journalctl --no-pager -q -o cat -u {SERVICE} -n 30")
        if "atchdog" not in said:
            raise Failed(f"the watchdog had no part in it: {said[-200:]}")
    finally:
        attempt(f"systemctl stop {SERVICE}; systemctl disable {SERVICE}; modprobe -r vivid")
    return f"started again after {seconds:.0f} s"


def survives_power_cuts(trial: Trial) -> str:
    """The power is cut while items are made, kept and sent: all that were numbered arrive, each once."""
    draw, command = random.Random(1), f"{PYTHON} {KIT}/items.py /var/lib/lpr/power {LINE} {ITEMS_A_SECOND}"
    trial.inbox = Inbox()
    for _ in range(CUTS):
        # As a service that is enabled: it goes on by itself when the power is back.
        trial.machine.run(f"systemd-run --quiet --unit=items {command}")
        with trial.line():
            if not trial.inbox.wait_for(len(trial.inbox.items) + 3 * ITEMS_A_SECOND, 300):
                raise Failed(f"{len(trial.inbox.items)} items came; it said: {trial.said('items')}")
            time.sleep(draw.uniform(0, 3))
            trial.machine.cut_power()
        trial.machine.start()
        trial.machine.wait()
    with trial.line(), trial.running("items", command):
        arrived = len(trial.inbox.items)
        if not trial.inbox.wait_for(arrived + 3 * ITEMS_A_SECOND, 300):
            raise Failed(f"after the last cut {len(trial.inbox.items) - arrived} items came")
        trial.machine.run("systemctl stop items")
        time.sleep(5)
    if wrong := trial.inbox.gaps():
        raise Failed("; ".join(wrong))
    if trial.inbox.strange:
        raise Failed(f"{trial.inbox.strange} items were none")
    known = f"{trial.inbox.twice} came again and were known"
    return f"{CUTS} cuts, {len(trial.inbox.items)} items without a gap, {known}"


def survives_a_full_disk(trial: Trial) -> str:
    """A full disk is said once, items go on, and are kept on disk again when there is room."""
    run = trial.machine.run
    run("mkdir -p /mnt/small && mount -t tmpfs -o size=1m tmpfs /mnt/small")
    trial.inbox = Inbox()
    command = f"{PYTHON} {KIT}/items.py /mnt/small/spool {LINE} {ITEMS_A_SECOND}"
    try:
        with trial.line(), trial.running("items", command):
            if not trial.inbox.wait_for(ITEMS_A_SECOND, 300):
                raise Failed(f"no items came: {trial.said('items')}")
            trial.machine.attempt("dd if=/dev/zero of=/mnt/small/filler bs=64k 2>/dev/null")
            full = len(trial.inbox.items)
            if not trial.inbox.wait_for(full + 5 * ITEMS_A_SECOND, 300):
                raise Failed(
                    f"with a full disk {len(trial.inbox.items) - full} items came: {trial.said('items')}"
                )
            run("rm /mnt/small/filler")
            again = len(trial.inbox.items)
            if not trial.inbox.wait_for(again + 5 * ITEMS_A_SECOND, 300):
                raise Failed("no items came when there was room again")
            said = trial.said("items", 50)
    finally:
        trial.machine.attempt("umount /mnt/small")
    warnings = [line for line in said.splitlines() if "items wait in memory" in line]
    # Once each time that it is full: what the host has makes room.
    if not 1 <= len(warnings) <= 9:
        raise Failed(f"it said so {len(warnings)} times: {said[-300:]}")
    if wrong := trial.inbox.gaps():
        raise Failed("; ".join(wrong))
    return f"said {len(warnings)} times; {len(trial.inbox.items)} items without a gap"


def survives_a_jump_of_the_clock(trial: Trial) -> str:
    """A board without a clock begins in 1970; then the time is set. Order and ids do not care."""
    run = trial.machine.run
    now = run("date +%s").strip()
    trial.inbox = Inbox()
    command = f"{PYTHON} {KIT}/items.py /var/lib/lpr/clock {LINE} {ITEMS_A_SECOND}"
    try:
        run(f"date -s @{IN_1970}")
        with trial.line(), trial.running("items", command):
            if not trial.inbox.wait_for(2 * ITEMS_A_SECOND, 300):
                raise Failed(f"in 1970 {len(trial.inbox.items)} items came: {trial.said('items')}")
            run(f"date -s @{now}")
            if not trial.inbox.wait_for(len(trial.inbox.items) + 2 * ITEMS_A_SECOND, 300):
                raise Failed("no items came after the clock was set")
            run("systemctl stop items")
            time.sleep(3)
    finally:
        trial.machine.attempt(f"date -s @{now}")
    items = list(trial.inbox.items.values())
    years = {item.time.year for item in items}
    if wrong := trial.inbox.gaps():
        raise Failed("; ".join(wrong))
    if [item.sequence for item in items] != sorted(item.sequence for item in items):
        raise Failed("items came out of order")
    if len(years) < 2:
        raise Failed(f"all items say that they are of {years}")
    return f"{len(items)} items of {' and '.join(map(str, sorted(years)))} in order"


CHECKS: tuple[tuple[str, Check], ...] = (
    ("start", starts),
    ("install", installs),
    ("signature", signed),
    ("pictures", reads),
    ("camera", follows_a_camera),
    ("mjpg", follows_a_camera_with_jpeg),
    ("sigterm", ends_on_sigterm),
    ("unplugging", takes_a_camera_back),
    ("service", serves),
    ("watchdog", is_watched),
    ("full-disk", survives_a_full_disk),
    ("clock", survives_a_jump_of_the_clock),
    ("power-cuts", survives_power_cuts),
    ("deploy", deploys),
    ("bad-bundle", refuses_a_bad_bundle),
    ("cut-deployment", outlives_a_cut_deployment),
)
"""In this order: the first two are what all others need."""
