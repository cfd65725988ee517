"""`lpr-host deploy` to a virtual board, over its sshd: a good bundle, a bad one, power cuts."""

from __future__ import annotations

import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from host.bundle.sign import load_key, sign
from host.deploy.deploy import Outcome, Way, deploy
from host.deploy.inventory import ROOT
from host.deploy.shipment import shipment
from host.trial import Failed
from host.virtual_board.trial import CAMERA, SERVICE, Trial, serve_settings, wait_for
from host.virtual_board.variants import computes_wrong, variant

HEALTHY_WITHIN_S = 1800.0
"""An emulated board takes seconds for a frame, and minutes to install."""
REPORT = "/run/lpr/health.json"


def deploys(trial: Trial) -> str:
    """A good bundle: copied, checked, switched to, and healthy."""
    serve_settings(trial)
    # It has to be there after a power cut, too.
    trial.machine.run(f"{CAMERA} && echo vivid >/etc/modules-load.d/camera.conf")
    trial.machine.run("echo options vivid n_devs=1 node_types=0x1 >/etc/modprobe.d/camera.conf")
    outcome = _deployed(trial, trial.bundle)
    if outcome.state != "runs":
        raise Failed(f"{outcome.state}: {outcome.text}")
    _await_bundle(trial, trial.bundle)
    return f"it runs: {outcome.text}"


def refuses_a_bad_bundle(trial: Trial) -> str:
    """One whose golden check fails is not switched to, with the reason, and remembered."""
    _need_deployed(trial)
    process = _process(trial)
    bad = _signed(trial, "wrong")
    said = []
    for _ in range(2):
        outcome = _deployed(trial, bad)
        if outcome.state not in ("failed", "rolled back"):
            raise Failed(f"{outcome.state}: {outcome.text}")
        said.append(outcome.text)
    if "golden" not in said[0]:
        raise Failed(f"the reason is not its golden values: {said[0]}")
    if "failed on this board before" not in said[1]:
        raise Failed(f"it is not remembered as bad: {said[1]}")
    _await_bundle(trial, trial.bundle)
    if _process(trial) != process:
        raise Failed("the service was restarted for a bundle that was not switched to")
    return f"the old one went on; {said[0][:160]}"


def outlives_a_cut_deployment(trial: Trial) -> str:
    """The power is cut while a bundle is installed, then right after the switch: the old one runs."""
    _need_deployed(trial)
    new = _signed(trial, "next")
    identity = shipment(new).identity
    moments = (
        ("installing", f"[ -e {ROOT}/bundles/{identity}/venv ]", "failed"),
        ("switching", f'[ "$(basename "$(readlink {ROOT}/current)")" = {identity} ]', "rolled back"),
    )
    for moment, condition, state in moments:
        with ThreadPoolExecutor(1) as pool:
            running = pool.submit(_deployed, trial, new)
            wait_for(trial, condition, f"comes to {moment}", HEALTHY_WITHIN_S)
            trial.machine.cut_power()
            trial.machine.start()
            _write_config(trial)
            trial.machine.wait()
            outcome = running.result()
        if outcome.state != state:
            raise Failed(f"cut while {moment}: {outcome.state}, {outcome.text}")
        _await_bundle(trial, trial.bundle)
    trial.machine.attempt(f"systemctl disable --now {SERVICE}; rm /etc/modules-load.d/camera.conf")
    return "cut while installing, and again right after the switch: the old one ran each time"


def _need_deployed(trial: Trial) -> None:
    if trial.machine.attempt(f"[ -e {ROOT}/current ]")[0]:
        deploys(trial)


def _deployed(trial: Trial, bundle: Path) -> Outcome:
    """Deploy it as a user does, by the board's name in ssh's configuration."""
    ship = shipment(bundle, trial.bundle / "wheels")
    way = Way(config=_write_config(trial), healthy_within_s=HEALTHY_WITHIN_S, keep=2)
    return deploy("board", lambda _: ship, way)


def _write_config(trial: Trial) -> Path:
    path = trial.work / "ssh.conf"
    path.write_text(trial.machine.ssh_configuration("board"))
    return path


def _signed(trial: Trial, name: str) -> Path:
    """Another bundle, signed: "wrong" computes something else than its golden values, "next" is good."""
    folder = trial.work / name
    shutil.rmtree(folder, ignore_errors=True)
    if name == "wrong":
        variant(trial.bundle, folder, name, computes_wrong)
    else:
        variant(trial.bundle, folder, name)
    sign(folder, load_key(trial.private))
    return folder


def _process(trial: Trial) -> str:
    return trial.machine.run(f"systemctl show -p MainPID --value {SERVICE}").strip()


def _await_bundle(trial: Trial, bundle: Path) -> None:
    """Until the service runs *bundle* and has reported.

    Raises:
        Failed: it never does.
    """
    ship = shipment(bundle)
    current = f'[ "$(basename "$(readlink {ROOT}/current)")" = {ship.identity} ]'
    active = f"systemctl is-active --quiet {SERVICE} && grep -q {ship.manifest_sha256} {REPORT}"
    wait_for(trial, f"{current} && {active}", f"runs {ship.identity}", 900)
    time.sleep(1)
