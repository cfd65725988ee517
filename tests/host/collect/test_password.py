from __future__ import annotations

import stat
from pathlib import Path

import pytest

from device_runtime.errors import FatalError
from host.collect.password import SESSION_S, Password, Sessions, hashed, open_password
from tests.host.collect.collecting import HASHED, PASSWORD


def test_only_the_password_matches() -> None:
    assert HASHED.matches(PASSWORD) and not HASHED.matches(PASSWORD + " ") and not HASHED.matches("")
    made = hashed("京A12345 ☃", bytes(16))
    assert made.matches("京A12345 ☃") and made.line.startswith("scrypt$16384$8$5$AAAA")


def test_the_first_password_is_made_and_its_hash_kept(tmp_path: Path) -> None:
    file = tmp_path / "state" / "password"
    first, text = open_password(file, {})
    again, nothing = open_password(file, {})
    assert len(text) == 23 and nothing == "" and again == first and first.matches(text)
    assert text not in file.read_text() and stat.S_IMODE(file.stat().st_mode) == 0o600


def test_one_of_the_environment_is_the_same_everywhere(tmp_path: Path) -> None:
    ours, theirs = (open_password(tmp_path / "none", {"LPR_COLLECT_PASSWORD": PASSWORD}) for _ in range(2))
    assert ours == theirs and ours[0].matches(PASSWORD) and ours[1] == ""
    assert not (tmp_path / "none").exists()
    with pytest.raises(FatalError, match="LPR_COLLECT_PASSWORD: is shorter than 12"):
        open_password(None, {"LPR_COLLECT_PASSWORD": "short"})


@pytest.mark.parametrize("line", ["", "password", "scrypt$3$8$1$AA==$AA==", "scrypt$1048576$99$1$AA==$AA=="])
def test_a_file_that_holds_no_hash_is_refused(tmp_path: Path, line: str) -> None:
    (tmp_path / "password").write_text(line)
    with pytest.raises(FatalError, match="holds no hash of a password"):
        open_password(tmp_path / "password", {})


def test_a_session_ends_and_cannot_be_made_up() -> None:
    sessions = Sessions(b"secret", HASHED)
    cookie = sessions.new(1000)
    assert sessions.knows(cookie, 1000) and sessions.knows(cookie, 999 + SESSION_S)
    assert not sessions.knows(cookie, 1000 + SESSION_S)
    assert Sessions(b"secret", HASHED).knows(cookie, 1000)
    assert not Sessions(b"other", HASHED).knows(cookie, 1000)
    assert not Sessions(b"secret", Password(HASHED.line + "x")).knows(cookie, 1000)
    for other in ("", "x", "é", cookie[:-1], cookie[1:], "B" + cookie[1:], cookie + "AAAA", "A" * 200):
        assert not sessions.knows(other, 1000)
