from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_runtime.errors import FatalError
from device_runtime.follow.settings import Settings, check_pattern, settings_from


def test_an_empty_table_is_the_defaults() -> None:
    assert settings_from({}, "lpr.toml") == Settings()
    assert settings_from({"delay": 5, "allow": ["AB 123"]}, "lpr.toml").allow == ("AB 123",)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"dealy": 1}, "lpr.toml: there is no key dealy; is delay meant? – correct it"),
        ({"delay": -1}, "lpr.toml: delay: Expected `float` >= 0.0"),
        ({"delay": "never"}, "lpr.toml: delay: 'never' is not a number or 'gone'"),
        ({"memory": "long"}, "lpr.toml: memory: Expected `float`, got `str`"),
        ({"readings": 0}, "lpr.toml: readings: Expected `int` >= 1"),
        ({"pattern": "("}, "lpr.toml: pattern is no regular expression"),
        ({"pattern": "(A+)+B"}, "lpr.toml: pattern repeats a group"),
        ({"line": [1, 2, 1, 2]}, "lpr.toml: line begins where it ends"),
        ({"allow": ["--"]}, "lpr.toml: allow has an entry without a letter or digit, '--'"),
        ([], "lpr.toml: Expected `object`, got `array`"),
    ],
)
def test_every_key_is_checked(table: Any, said: str) -> None:
    with pytest.raises(FatalError) as caught:
        settings_from(table, "lpr.toml")
    assert str(caught.value).startswith(said)


@pytest.mark.parametrize(
    "pattern", [r"[A-Z]{1,3}\d{1,4}[A-Z]?", r"粤B.{5}", r"(?:AB|CD)\d+", r"[(+*)]+\(+", ""]
)
def test_usual_patterns_are_taken(pattern: str) -> None:
    check_pattern(pattern)


@pytest.mark.parametrize(
    "pattern", ["(A+)+", "(A|A)*", "((A*))+", "(?:A+){9}", ".*" * 9, "(", "a{99999999999}"]
)
def test_patterns_that_could_take_for_ever_are_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="pattern"):
        check_pattern(pattern)


@given(
    st.dictionaries(
        st.sampled_from(Settings.__struct_fields__) | st.text(), st.none() | st.integers() | st.text()
    )
)
def test_any_table_is_settings_or_refused_in_a_line(table: dict[str, Any]) -> None:
    try:
        assert isinstance(settings_from(table, "x"), Settings)
    except FatalError as error:
        assert "\n" not in str(error)
