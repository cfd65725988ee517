from __future__ import annotations

from pathlib import Path

import pytest

from device_runtime.errors import FatalError
from host.collect.mqtt_source import MqttSource, parse_mqtt


def test_an_address_says_where_the_broker_is(tmp_path: Path) -> None:
    found = parse_mqtt(f"mqtts://collector@broker.example/fleet/a?client=c1&group=g&ca={tmp_path}/ca.pem")
    assert found == MqttSource(
        host="broker.example", port=8883, tls=True, username="collector", prefix="fleet/a",
        group="g", client="c1", ca=tmp_path / "ca.pem",
    )  # fmt: skip
    plain = parse_mqtt("mqtt://broker:1884")
    assert (plain.port, plain.tls, plain.prefix, plain.group) == (1884, False, "lpr", "lpr-host")


@pytest.mark.parametrize(
    "text",
    ["", "broker", "http://broker", "mqtt://", "mqtt://u:secret@broker", "mqtt://b:x", "mqtt://b/a+b", "mqtt://b/#",
     "mqtt://b?qos=1", "mqtt://b?client", "mqtt://b?group=a/b", "mqtt://b?client=%00"],
)  # fmt: skip
def test_what_is_no_broker_is_refused(text: str) -> None:
    with pytest.raises(FatalError) as error:
        parse_mqtt(text)
    assert "secret" not in str(error.value)
