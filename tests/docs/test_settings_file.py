"""The settings file in docs/lpr-run.md is whole, and says what the defaults are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from device_runtime.configuration import Configuration, configure, read_tables

DOCUMENT = Path(__file__).parents[2] / "docs" / "lpr-run.md"


@pytest.fixture
def shown() -> str:
    found = re.search(r"(?s)```toml\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"))
    assert found is not None
    return found[1]


def test_what_is_shown_are_the_defaults(shown: str, tmp_path: Path) -> None:
    (tmp_path / "lpr.toml").write_text(shown, encoding="utf-8")
    assert configure(tmp_path / "lpr.toml") == Configuration()


def test_every_key_is_shown_with_a_value_that_is_allowed(shown: str, tmp_path: Path) -> None:
    path = tmp_path / "lpr.toml"
    path.write_text(re.sub(r"(?m)^# (?=\w+ = )", "", shown), encoding="utf-8")
    asked, tables = configure(path), read_tables(path)
    for section in Configuration.__struct_fields__:
        assert set(tables[section]) == set(type(getattr(asked, section)).__struct_fields__), section
