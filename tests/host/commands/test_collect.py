from __future__ import annotations

import socket
from pathlib import Path

import pytest
from click.testing import CliRunner

import host.cli
from tests.device_runtime.delivery.test_serial_line import terminal


def refused(*words: str) -> str:
    """The one line that `lpr-host collect` ends with."""
    result = CliRunner().invoke(host.cli.main, ["-q", "collect", *words], prog_name="lpr-host")
    assert result.exit_code == 2, result.output
    lines = [line for line in result.output.splitlines() if not line.startswith("password for")]
    assert len(lines) == 1 and lines[0].startswith("error: ")
    return lines[0]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "collect: has nothing to listen to"),
        (["--http", "here"], "'here' is not [HOST:]PORT"),
        (["--http", "0", "--tls-cert", "c.pem"], "--tls-cert, --tls-key: belong together"),
        (["--http", "0", "--tls-cert", "c.pem", "--tls-key", "k.pem"], "c.pem: cannot be read"),
        (["--serial", "ttyUSB0"], "--serial ttyUSB0: names no port"),
        (["--mqtt", "mqtt://me:secret@broker"], "holds a password, which other users see"),
        (["--http", "0", "--keep-days", "0"], "--keep-days"),
        (["--http", "0", "--keep-days", "nan"], "nan is not a finite number"),
        (["--http", "0", "--keep-crops-days", "1e300"], "--keep-crops-days"),
        (["--http", "0", "--rate", "inf"], "--rate"),
    ],
)
def test_what_cannot_be_is_one_line(
    words: list[str], said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    line = refused(*words)
    assert said in line and "secret" not in line
    assert not list(tmp_path.iterdir())


def test_a_database_that_is_none_or_away_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no database" * 1000)
    assert "is no SQLite database" in refused("--http", "127.0.0.1:0", "--db", f"sqlite:///{tmp_path}/text")
    away = f"postgresql://lpr@/lpr?host={tmp_path}"
    assert "check that it runs" in refused("--http", "127.0.0.1:0", "--db", away)


def test_a_port_or_a_line_that_is_taken_is_one_line(tmp_path: Path) -> None:
    db = f"sqlite:///{tmp_path}/lpr.db"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        assert f"--http {address}: cannot be listened at (Address already in use)" in refused(
            "--http", address, "--db", db
        )
    import serial

    with terminal() as (_, port), serial.Serial(port, exclusive=True):
        assert f"serial:{port}@115200: is used by another program" in refused("--serial", port, "--db", db)
