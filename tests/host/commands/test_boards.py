from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from host.cli import main
from host.store.store import open_store
from tests.items import came, health


@pytest.fixture
def db(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/lpr.db"


def lpr_host(*words: str, **environment: str) -> Result:
    return CliRunner().invoke(main, list(words), prog_name="lpr-host", env=environment)


def test_a_board_gets_a_token_that_is_shown_once(db: str) -> None:
    token = lpr_host("boards", "add", "gate", "--db", db).output.strip()
    with open_store(db) as store:
        assert store.board_of(token) == "gate"
        store.add("gate", [came("health", health())])
    listed = lpr_host("boards", "list", LPR_DB=db).output
    assert listed.splitlines()[1].split()[:2] == ["gate", "1"] and "rpi4" in listed and token not in listed
    told = msgspec.json.decode(lpr_host("boards", "list", "--json", "--db", db).output)
    assert (told[0]["name"], told[0]["health"]["frames"]) == ("gate", 600)
    assert lpr_host("boards", "revoke", "gate", "--db", db).output == "gate: tokens revoked: 1\n"
    with open_store(db) as store:
        assert store.board_of(token) is None


def test_a_board_that_is_unknown_and_one_without_a_name_are_one_line(db: str) -> None:
    unknown = lpr_host("boards", "revoke", "gate", "--db", db)
    nameless = lpr_host("boards", "add", " ", "--db", db)
    assert unknown.exit_code == nameless.exit_code == 2
    assert unknown.output == "error: board gate: is unknown – see lpr-host boards list\n"
    assert "is no name of a board" in nameless.output


def test_a_password_on_the_command_line_is_refused() -> None:
    refused = lpr_host("boards", "list", "--db", "postgresql://lpr:secret@localhost:1/lpr")
    assert refused.exit_code == 2 and "holds a password" in refused.output and "secret" not in refused.output
    away = lpr_host("boards", "list", LPR_DB="postgresql://lpr:secret@localhost:1/lpr")
    assert away.exit_code == 2 and "postgresql://lpr:***@localhost:1/lpr: fails" in away.output
    assert away.output.count("\n") == 1 and "secret" not in away.output
