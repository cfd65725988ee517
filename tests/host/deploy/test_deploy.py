"""Against a real sshd, with the session's bundle, its install.sh and its lpr-run at a camera."""

from __future__ import annotations

import re
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from device_runtime.errors import FatalError
from host.bundle.sign import load_key, new_key, sign
from host.deploy.deploy import Outcome, Way, deploy, status
from host.deploy.shipment import Shipment, shipment
from host.deploy.ssh import Agent, Refusal, connected
from host.virtual_board.variants import computes_wrong, ends_at_work, never_gets_ready, variant
from tests.device_runtime.sources.cameras import HttpCamera
from tests.host.deploy.boards import Network, SshBoard, board, needs_sshd, until

pytestmark = needs_sshd

SETTINGS = """\
[source]
camera = "{camera}"
fps = 5
[reader]
crop = true
[health]
interval = 1
"""


@pytest.fixture(scope="module")
def gate(net: Network, fp32_bundle: Path) -> Iterator[SshBoard]:
    """A board with a camera, on which the session's bundle runs."""
    with HttpCamera("picture") as camera, board(net, "gate", SETTINGS.format(camera=camera.url)) as made:
        outcome = deploy("gate", lambda _: shipment(fp32_bundle), way(net, rsync=False), str(made.root))
        assert outcome.state == "runs", outcome
        yield made


def way(net: Network, **changes: object) -> Way:
    settings: dict[str, object] = {"config": net.config, "healthy_within_s": 300.0, "keep": 2}
    return Way(**(settings | changes))  # type: ignore[arg-type]


def deployed(gate: SshBoard, bundle: Path, way: Way) -> Outcome:
    return deploy(gate.host, lambda _: shipment(bundle), way, str(gate.root))


def files_of(ship: Shipment) -> list[list[object]]:
    return [[file.name, file.size, file.sha256] for file in ship.files]


def test_an_interrupted_copy_goes_on_and_the_bundle_is_switched(
    gate: SshBoard, net: Network, fp32_bundle: Path, tmp_path: Path
) -> None:
    before, another = gate.current, variant(fp32_bundle, tmp_path / "another", "another")
    (another / "wheels").mkdir()
    # Nothing of it is on the board yet, and it is copied in some hundred pieces.
    (another / "wheels/large.whl").write_bytes(bytes(range(256)) * 200_000)
    ship = shipment(another)
    large = next(file for file in ship.files if file.name == "wheels/large.whl")
    with connected(gate.host, net.config) as connection:
        agent = Agent(connection, str(gate.root), lambda _: None)
        agent.ask("lock", who="me")
        have = agent.ask("prepare", bundle=ship.identity, files=files_of(ship), again=False)["have"]
        # What the running bundle has is not copied again.
        assert have["model.so"] == (another / "model.so").stat().st_size
        sent = 0

        def cut(count: int) -> None:
            nonlocal sent
            sent += count
            if sent > 5_000_000:
                gate.lose_power()

        with pytest.raises(FatalError):
            agent.send(ship.identity, [(large, 0)], cut)
        agent.close()
    part = gate.root / "incoming" / ship.identity / large.name
    left = part.stat().st_size
    assert 0 < left < large.size
    gate.start()
    until(lambda: gate.health().get("frames"))
    assert gate.current == before
    outcome = deployed(gate, another, way(net))
    assert outcome.state == "runs", outcome
    assert gate.current == ship.identity == outcome.bundle
    assert gate.health()["bundle"]["manifest_sha256"] == ship.manifest_sha256
    assert str(before) in outcome.text and gate.health()["frames"] > 0
    assert not list((gate.root / "incoming").iterdir())
    assert len(list((gate.root / "bundles").iterdir())) <= 2
    # It runs already.
    assert deployed(gate, another, way(net)).state == "ran already"


def test_a_bundle_that_computes_wrong_is_not_switched_to_and_remembered(
    gate: SshBoard, net: Network, fp32_bundle: Path, tmp_path: Path
) -> None:
    before, run = gate.current, gate.health()["run"]
    wrong = variant(fp32_bundle, tmp_path / "wrong", "wrong", computes_wrong)
    outcome = deployed(gate, wrong, way(net))
    assert outcome.state == "failed" and "golden outputs are off" in outcome.text
    # The service did not even notice.
    assert (gate.current, gate.health()["run"]) == (before, run)
    again = deployed(gate, wrong, way(net))
    assert again.state == "failed" and "failed on this board before: " in again.text
    assert "golden outputs are off" in again.text and "--again" in again.text
    facts = status(gate.host, net.config, str(gate.root))
    assert list(facts["bad"]) and facts["last"]["outcome"] == "failed"


def test_a_service_that_ends_is_rolled_back_with_its_reason(
    gate: SshBoard, net: Network, fp32_bundle: Path, tmp_path: Path
) -> None:
    before = gate.current
    ending = variant(fp32_bundle, tmp_path / "ending", "ending", ends_at_work)
    outcome = deployed(gate, ending, way(net))
    assert outcome.state == "rolled back", outcome
    assert "the shutter is stuck" in outcome.text and f"{before} runs again" in outcome.text
    assert any("the shutter is stuck" in line for line in outcome.said)
    assert gate.current == outcome.bundle == before and gate.health()["bundle"]
    assert shipment(ending).identity in status(gate.host, net.config, str(gate.root))["bad"]


def test_a_power_cut_before_the_first_healthy_report_leaves_the_old_bundle(
    gate: SshBoard, net: Network, fp32_bundle: Path, tmp_path: Path
) -> None:
    before = gate.current
    hanging = variant(fp32_bundle, tmp_path / "hanging", "hanging", never_gets_ready)
    identity, outcomes = shipment(hanging).identity, list[Outcome]()
    deploying = threading.Thread(target=lambda: outcomes.append(deployed(gate, hanging, way(net))))
    deploying.start()
    until(lambda: gate.current == identity and gate.pid())
    gate.lose_power()
    assert gate.current == identity and (gate.root / "pending.json").exists()
    gate.start()
    deploying.join(300)
    assert gate.current == before and not (gate.root / "pending.json").exists()
    until(lambda: gate.health().get("frames"))
    (outcome,) = outcomes
    assert (outcome.state, outcome.bundle) == ("rolled back", before)
    assert "interrupted" in outcome.text
    # It is not the bundle's fault.
    assert identity not in status(gate.host, net.config, str(gate.root))["bad"]


def test_one_at_a_time_with_room_and_names_inside_the_bundle(gate: SshBoard, net: Network) -> None:
    with connected(gate.host, net.config) as connection:
        first = Agent(connection, str(gate.root), lambda _: None)
        second = Agent(connection, str(gate.root), lambda _: None)
        with first, second:
            first.ask("lock", who="ann@desk")
            with pytest.raises(Refusal, match="ann@desk is deploying here"):
                second.ask("lock", who="bob@desk")
            with pytest.raises(Refusal, match="MiB are needed and"):
                first.ask("prepare", bundle="huge", files=[["x", 1 << 50, "0" * 64]], again=False)
            for name in ("../x", "/etc/x", "a/../../x"):
                with pytest.raises(Refusal, match="no file name inside a bundle"):
                    first.ask("prepare", bundle="odd", files=[[name, 1, "0" * 64]], again=False)
            with pytest.raises(Refusal, match="no bundle's name"):
                first.ask("install", bundle="../x")
            with pytest.raises(Refusal, match="is nothing that a board does"):
                first.ask("running")
        with Agent(connection, str(gate.root), lambda _: None) as third:
            assert third.ask("lock", who="bob@desk") == {}


def test_a_board_that_wants_a_signature_gets_no_other(
    gate: SshBoard, net: Network, fp32_bundle: Path, tmp_path: Path
) -> None:
    settings, key = gate.root / "lpr.toml", new_key(tmp_path / "key")
    before = settings.read_text()
    another = variant(fp32_bundle, tmp_path / "signed", "signed")
    settings.write_text(before.replace("[reader]\n", f'[reader]\nrequire_signature = "{key.text}"\n'))
    try:
        # Before anything is copied.
        outcome = deployed(gate, another, way(net))
        assert outcome.state == "failed" and "is not signed" in outcome.text
        assert not (gate.root / "incoming" / shipment(another).identity).exists()
        # And on the board, by the lpr-run that runs, before install.sh.
        ship = shipment(another)
        with connected(gate.host, net.config) as connection:  # noqa: SIM117
            with Agent(connection, str(gate.root), lambda _: None) as agent:
                agent.ask("lock", who="me")
                have = agent.ask("prepare", bundle=ship.identity, files=files_of(ship), again=False)["have"]
                agent.send(ship.identity, [(f, have.get(f.name, 0)) for f in ship.files])
                assert agent.ask("seal", bundle=ship.identity, files=files_of(ship)) == {"wrong": []}
                with pytest.raises(Refusal, match=r"is refused by the lpr-run that runs: .* is not signed"):
                    agent.ask("install", bundle=ship.identity)
        assert not (gate.root / "bundles" / ship.identity / "venv").exists()
        sign(another, load_key(tmp_path / "key"))
        assert deployed(gate, another, way(net, dry_run=True)).state == "would run"
        # What the lpr-run that runs computes wrong is remembered.
        wrong = variant(fp32_bundle, tmp_path / "wrong", "wrong signed", computes_wrong)
        sign(wrong, load_key(tmp_path / "key"))
        for why in ("golden outputs are off", "failed on this board before: .* golden outputs are off"):
            outcome = deployed(gate, wrong, way(net))
            assert outcome.state == "failed" and re.search(why, outcome.text)
    finally:
        settings.write_text(before)


def test_damaged_files_are_copied_again(
    gate: SshBoard, net: Network, fp32_bundle: Path, tmp_path: Path
) -> None:
    ship = shipment(variant(fp32_bundle, tmp_path / "damaged", "damaged"))
    with connected(gate.host, net.config) as connection:  # noqa: SIM117
        with Agent(connection, str(gate.root), lambda _: None) as agent:
            agent.ask("lock", who="me")
            prepared = agent.ask("prepare", bundle=ship.identity, files=files_of(ship), again=False)
            connection.rsync(ship.files, prepared["folder"])
            incoming = Path(prepared["folder"])
            (incoming / "golden.bin").write_bytes(b"x")
            (incoming / "more").symlink_to("/etc")
            wrong = agent.ask("seal", bundle=ship.identity, files=files_of(ship))["wrong"]
            assert wrong == ["golden.bin"] and not (incoming / "more").exists()
            have = agent.ask("prepare", bundle=ship.identity, files=files_of(ship), again=False)["have"]
            # It was copied from the bundle that runs.
            assert have["golden.bin"] == (ship.folder / "golden.bin").stat().st_size
            assert agent.ask("seal", bundle=ship.identity, files=files_of(ship)) == {"wrong": []}
    shutil.rmtree(gate.root / "bundles" / ship.identity)


@pytest.mark.parametrize(
    ("host", "why"),
    [("-oProxyCommand=true", "is no name of a board"), ("nowhere.invalid", "cannot be reached")],
)
def test_a_board_that_cannot_be_reached_is_a_line(
    host: str, why: str, fp32_bundle: Path, net: Network
) -> None:
    outcome = deploy(host, lambda _: shipment(fp32_bundle), way(net))
    assert outcome.state == "failed" and why in outcome.text


def test_another_architecture_is_refused_before_the_copy(
    gate: SshBoard, net: Network, fp32_bundle: Path
) -> None:
    ship = shipment(fp32_bundle)
    target = msgspec.structs.replace(ship.manifest.target, name="visionfive2", arch="riscv64")

    def for_another(_: object) -> Shipment:
        return replace(ship, manifest=msgspec.structs.replace(ship.manifest, target=target))

    ships: Callable[[dict[str, object]], Shipment] = for_another
    outcome = deploy(gate.host, ships, way(net), str(gate.root))
    assert outcome.state == "failed" and "visionfive2 needs riscv64" in outcome.text
