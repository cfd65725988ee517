"""What keys a TOML file may have and which values they take, in a form that an error line can quote.

msgspec checks types too, but its errors do not name the values that are accepted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from device_runtime.errors import FatalError


@dataclass(frozen=True)
class Key:
    """One accepted key.

    Attributes:
        accepts: whether it takes a value.
        accepted: in words, the values it takes.
        required: whether it must be there.
    """

    accepts: Callable[[Any], bool]
    accepted: str
    required: bool = True


def text(pattern: str, accepted: str, required: bool = True) -> Key:
    """A string that the regular expression *pattern* matches as a whole."""
    return Key(lambda v: isinstance(v, str) and re.fullmatch(pattern, v) is not None, accepted, required)


def integer(low: int, high: int) -> Key:
    """A whole number from *low* to *high*, both included."""
    return Key(lambda v: type(v) is int and low <= v <= high, f"a whole number from {low} to {high}")


def one_of(values: Iterable[Any], required: bool = True) -> Key:
    """One of *values*, also in type: 1 is not True."""
    names = tuple(values)
    return Key(
        lambda v: any(type(v) is type(n) and v == n for n in names), ", ".join(map(str, names)), required
    )


def list_of(values: Iterable[str], prefixes: str = "") -> Key:
    """A list of *values*, each behind one of the characters *prefixes*, if there are any."""
    names = tuple(values)
    words = f"a list of {' or '.join(prefixes)} and one of " if prefixes else "a list of "

    def accepts(value: Any) -> bool:
        return isinstance(value, list) and all(
            isinstance(v, str) and (v[:1] in tuple(prefixes) and v[1:] in names if prefixes else v in names)
            for v in value
        )

    return Key(accepts, words + ", ".join(names))


def texts(accepted: str, required: bool = True) -> Key:
    """A list of strings that have a letter or a digit in them."""

    def accepts(value: Any) -> bool:
        return isinstance(value, list) and all(isinstance(v, str) and re.search(r"[^\W_]", v) for v in value)

    return Key(accepts, accepted, required)


def flatten(table: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of *table* and of the tables in it, those as `table.key`."""
    flat: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            flat |= {f"{key}.{inner}": v for inner, v in value.items()}
        else:
            flat[key] = value
    return flat


def check(path: Path, values: Mapping[str, Any], keys: Mapping[str, Key]) -> None:
    """Compare the flat *values* of the file *path* with the *keys* it may and must have.

    Raises:
        FatalError: an unknown key, a bad value or a missing key; names file, key, value and what is accepted.
    """
    for key, value in values.items():
        if key not in keys:
            raise _invalid(path, key, f"unknown key (value {value!r})", ", ".join(sorted(keys)))
        if not keys[key].accepts(value):
            raise _invalid(path, key, f"bad value {value!r}", keys[key].accepted)
    for key, rule in keys.items():
        if rule.required and key not in values:
            raise _invalid(path, key, "missing", rule.accepted)


def _invalid(path: Path, key: str, problem: str, accepted: str) -> FatalError:
    return FatalError(f"{path}: {key}", problem, f"accepted: {accepted or 'nothing on this architecture'}")
