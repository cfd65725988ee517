from __future__ import annotations

from pathlib import Path

import pytest

from device_runtime.errors import FatalError
from device_runtime.secret import read_secret, read_token


def test_a_token_comes_from_the_environment_a_file_or_systemd(tmp_path: Path) -> None:
    path = tmp_path / "lpr-token"
    path.write_text("abc.DEF-123=\n")
    assert read_token({}) is None
    assert read_token({"LPR_TOKEN": " abc "}) == "abc"
    assert read_token({"LPR_TOKEN_FILE": str(path)}) == "abc.DEF-123="
    assert read_token({"CREDENTIALS_DIRECTORY": str(tmp_path)}) == "abc.DEF-123="
    assert read_token({"CREDENTIALS_DIRECTORY": str(tmp_path / "none")}) is None


@pytest.mark.parametrize("token", ["", "s3cret s3cret", "s3cret\r\nX: y", "s3crét", "s" * 9000])
def test_what_is_no_token_is_refused_and_not_shown(token: str, tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text(token)
    for environment in ({"LPR_TOKEN": token}, {"LPR_TOKEN_FILE": str(path)}):
        with pytest.raises(FatalError, match="holds no bearer token") as caught:
            read_token(environment)
        assert "s3cr" not in str(caught.value)


def test_a_missing_file_of_the_token_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(FatalError, match=r"none: cannot be read \(No such file or directory\) – name"):
        read_token({"LPR_TOKEN_FILE": str(tmp_path / "none")})


def test_other_secrets_have_other_names(tmp_path: Path) -> None:
    (tmp_path / "lpr-view-token").write_text("seen\n")
    assert read_token({"CREDENTIALS_DIRECTORY": str(tmp_path)}, "LPR_VIEW_TOKEN") == "seen"
    assert read_token({"LPR_TOKEN": "x"}, "LPR_VIEW_TOKEN") is None
    assert read_secret("LPR_PASSWORD", {"LPR_PASSWORD": "a b"}) == ("a b", "LPR_PASSWORD")
