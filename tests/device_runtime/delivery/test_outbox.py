from __future__ import annotations

import time
from pathlib import Path

import pytest

from device_runtime.delivery.destination import HttpDestination, MqttDestination, WebhookDestination
from device_runtime.delivery.outbox import Outbox, default_spool
from device_runtime.delivery.settings import (
    DeliverySettings,
    MqttSettings,
    WebhookSettings,
)
from device_runtime.errors import FatalError
from device_runtime.stop import Stop
from host.endure.web_host import Host, serving


def test_spools_are_where_systemd_says_or_with_the_user() -> None:
    assert default_spool({"STATE_DIRECTORY": "/var/lib/lpr:/x"}) == Path("/var/lib/lpr/spool")
    assert default_spool({"XDG_STATE_HOME": "/home/x/.state"}) == Path("/home/x/.state/lpr/spool")
    assert default_spool({}) == Path.home() / ".local" / "state" / "lpr" / "spool"


def test_a_user_without_a_home_names_a_spool(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME")
    # As in a container that is run as any number.
    monkeypatch.setattr("os.getuid", lambda: 4_000_000)
    with pytest.raises(FatalError, match="has no home – name a folder with --spool"):
        default_spool({})


def test_kinds_go_where_they_are_wanted(tmp_path: Path) -> None:
    """Two destinations have two spools; one that takes several kinds has one."""
    with serving(Host()) as host, serving(Host()) as other:
        to, also = (f"http://127.0.0.1:{one.server_address[1]}/items" for one in (host, other))
        settings = DeliverySettings(events=to, report=also, spool=tmp_path)
        with Outbox.open(settings) as outbox:
            assert outbox.takes("event") and outbox.takes("health") and outbox.report_file is None
            for kind in ("event", "report", "health"):
                outbox.put(kind, {"text": kind})
            outbox.drain(30)
            assert sorted(counts.acknowledged for counts in outbox.counts().values()) == [1, 2]
        assert [item.kind for item in host.stored] == ["event"]
        assert [item.kind for item in other.stored] == ["report", "health"]
        assert len(list(tmp_path.iterdir())) == 2


def test_a_report_that_goes_to_a_file_is_no_item(tmp_path: Path) -> None:
    settings = DeliverySettings(report=f"file:{tmp_path / 'r.json'}", spool=tmp_path / "spool")
    with Outbox.open(settings) as outbox:
        assert outbox.report_file == tmp_path / "r.json" and not outbox.takes("report")
        outbox.put("report", {"x": 1})
    assert not (tmp_path / "spool").exists()


def test_what_nobody_takes_is_left_in_time(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    stop = Stop()
    nowhere = WebhookDestination(HttpDestination("http", "127.0.0.1", 1, "/"))
    with Outbox.open(DeliverySettings(spool=tmp_path), [nowhere], stop) as outbox:
        outbox.put("event", {"text": "京A1"})
        outbox.drain(0.05)
        stop()
        began = time.monotonic()
        outbox.drain(60)
    assert time.monotonic() - began < 30
    assert "the rest is sent at the next start" in caplog.text
    with Outbox.open(DeliverySettings(spool=tmp_path), [nowhere]) as outbox:
        assert not next(iter(outbox.deliveries["event"])).drained()


def test_what_is_sent_while_it_closes_is_not_missing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Unhurried(Stop):
        def left_s(self, otherwise: float, share: float = 1.0) -> float:
            return 60.0

    stop = Unhurried()
    with serving(Host()) as host:
        to = f"http://127.0.0.1:{host.server_address[1]}/items"
        with Outbox.open(DeliverySettings(events=to, spool=tmp_path), stop=stop) as outbox:
            stop()
            outbox.put("event", {"text": "京A1"})
            outbox.drain(60)
        assert len(host.stored) == 1 and caplog.text == ""


def test_settings_name_destinations() -> None:
    assert WebhookSettings().destination is None and MqttSettings().destination is None
    hook = WebhookSettings(url="https://host/x").destination
    assert hook is not None and str(hook) == "webhook https://host:443/x"
    broker = MqttSettings(host="broker", tls=True, node="gate", discovery=False).destination
    assert broker is not None and str(broker) == "mqtts://broker:8883/lpr"
    assert (broker.node, broker.discovery) == ("gate", None)
    named = MqttSettings(host="broker").destination
    assert named is not None and named.node.startswith("lpr-") and named.port == 1883
    for wrong in ("ftp://x", "file:x", "https://user:secret@host/"):
        with pytest.raises(ValueError, match="url: ") as caught:
            WebhookSettings(url=wrong)
        assert "secret" not in str(caught.value)
    with pytest.raises(ValueError, match="events: "):
        DeliverySettings(events="nowhere")


def test_a_spool_that_cannot_be_used_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FatalError, match="cannot be made or opened"):
        Outbox.open(DeliverySettings(events="file:x", spool=tmp_path / "file"))


def test_reports_go_to_the_broker_where_the_settings_say_so(tmp_path: Path) -> None:
    nowhere = MqttDestination(host="127.0.0.1", port=1)
    telling = MqttDestination(host="127.0.0.1", port=1, reports=True)
    with Outbox.open(DeliverySettings(spool=tmp_path), [nowhere]) as outbox:
        assert outbox.takes("event") and not outbox.takes("report") and not outbox.takes("health")
    with Outbox.open(DeliverySettings(spool=tmp_path), [telling]) as outbox:
        assert outbox.takes("event") and outbox.takes("report") and outbox.takes("health")
    # The same spool: what waited there is sent.
    assert len(list(tmp_path.iterdir())) == 1
