"""Versioned JSON files: written alike, refused in one line that names file, key and bad value.

    REPORT = Format(schema=Report, what="a report", version=1, todo="name files lpr-run wrote")
    REPORT.write(path, report)
    REPORT.read(path)

Whether a file may hold keys that its reader does not know is up to the schema: `Strict` where they would be
acted on, `Tolerant` where a newer program may have added them.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from device_runtime.errors import FatalError
from device_runtime.files import write_atomic


class Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of immutable records that refuse a key they do not know."""


class Tolerant(msgspec.Struct, frozen=True):
    """Base of immutable records that ignore a key they do not know; a field added later needs a default."""


_SECRETS = frozenset(("password", "secret", "token"))
"""Keys that are tried, and that a settings file, which others may read, does not have."""

T = TypeVar("T", bound=msgspec.Struct)


@dataclass(frozen=True, kw_only=True)
class Format(Generic[T]):
    """One kind of versioned JSON file.

    Attributes:
        schema: its top-level record, with a field named `version_key`.
        what: the file in words, e.g. "a report".
        version: of files that are written.
        since: the oldest version that is read; `version` where None.
        version_key: the field that holds it.
        todo: what the user can do about a file that is none of these.
        outdated: what the user can do about another version; `todo` where None.
        max_bytes: a longer file is refused before it is parsed.
    """

    schema: type[T]
    what: str
    version: int
    since: int | None = None
    version_key: str = "schema_version"
    todo: str
    outdated: str | None = None
    max_bytes: int = 64 << 20

    def decode(self, data: bytes, source: str) -> T:
        """Parse and check the text of a file.

        Args:
            data: UTF-8 JSON.
            source: what to name in an error, usually the file's path.

        Raises:
            FatalError: naming *source*, and the key and the bad value where there is one.
        """
        try:
            raw = msgspec.json.decode(data)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise FatalError(source, f"is not {self.what} ({error})", self.todo) from None
        version = raw.get(self.version_key) if isinstance(raw, dict) else None
        # Of any type, and True equals 1.
        oldest = self.version if self.since is None else self.since
        if type(version) is not int or not oldest <= version <= self.version:
            found = "missing" if version is None else _short(version)
            why = f"is not {self.what} of version {self.version} ({self.version_key} is {found})"
            raise FatalError(source, why, self.todo if version is None else self.outdated or self.todo)
        try:
            return msgspec.convert(raw, self.schema)
        except msgspec.ValidationError as error:
            raise FatalError(source, _explain(str(error), raw), self.todo) from None

    def read(self, path: Path) -> T:
        """The contents of the file *path*.

        Raises:
            FatalError: it cannot be read or is too long, and where `decode` raises it.
        """
        return self.decode(self.load(path), str(path))

    def load(self, path: Path) -> bytes:
        """The bytes of the file *path*, for `decode`.

        Raises:
            FatalError: it cannot be read or is too long.
        """
        try:
            with path.open("rb") as file:
                data = file.read(self.max_bytes + 1)
        except OSError as error:
            raise FatalError(str(path), f"cannot be read ({error.strerror})", self.todo) from None
        if len(data) > self.max_bytes:
            raise FatalError(str(path), f"is larger than {self.max_bytes >> 20} MiB", self.todo)
        return data

    def write(self, path: Path, value: T) -> None:
        """Replace the file *path* as a whole; makes its folder.

        Raises:
            FatalError: the file system refuses.
        """
        write_atomic(path, encode(value))


def encode(value: Any) -> bytes:
    """*value* as UTF-8 JSON, indented by two, keys in the order of the schema: same value, same bytes."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"


def from_table(schema: type[T], raw: Any, source: str, *, base: Path = Path(), todo: str) -> T:
    """Check *raw*, a table as of a TOML file, and make a record of it.

    Args:
        schema: of the record; where a key is a `Path`, so is its field.
        raw: the table.
        source: what to name in an error.
        base: folder that relative paths start from.
        todo: what the user can do about an error.

    Raises:
        FatalError: a key is unknown or its value not allowed, naming *source*, key and bad value.
    """

    def path(kind: type, value: object) -> Path:
        if kind is not Path or not isinstance(value, str) or not value or "\0" in value:
            raise ValueError(f"{_short(value)} is no path")
        try:
            return base / Path(value).expanduser()
        except RuntimeError:
            raise ValueError(f"{_short(value)} is in the home of a user that is not known here") from None

    try:
        return msgspec.convert(raw, schema, dec_hook=path)
    except msgspec.ValidationError as error:
        unknown = re.fullmatch(r"Object contains unknown field `([^`]*)`.*", str(error))
        why = _explain(str(error), raw)
        choice = re.fullmatch(r"Invalid enum value .* - at `\$\.(\w+)`", str(error))
        if choice:
            why = f"{choice[1]}: {_short(raw[choice[1]])} is not {_choices(schema, choice[1])}"
        if unknown:
            why = f"there is no key {unknown[1]}" + meant(unknown[1], schema.__struct_fields__)
            if unknown[1] in _SECRETS:
                why, todo = f"{unknown[1]} stands in no settings file", "docs/service.md#secrets says where"
        raise FatalError(source, why, todo) from None


def _choices(schema: type[msgspec.Struct], key: str) -> str:
    """What may stand at *key*, whose words are given by a `Literal`."""
    kind = get_type_hints(schema)[key]
    kinds = (kind,) if get_origin(kind) is Literal else get_args(kind)
    words = [repr(word) for one in kinds if get_origin(one) is Literal for word in get_args(one)]
    return " or ".join(["a number"] * (float in kinds) + words)


def meant(name: str, known: Iterable[str]) -> str:
    """A question whether the likest of *known* is meant; empty where none is like *name*."""
    near = difflib.get_close_matches(name, list(known), 1)
    return f"; is {near[0]} meant?" if near else ""


def _explain(message: str, raw: object) -> str:
    """msgspec's message with the key first and the bad value last."""
    found = re.fullmatch(r"(?s)(.*?)(?: - at `(key in )?\$([^`]*)`)?", message)
    if found is None or found[3] is None:
        return message
    key = found[3].lstrip(".") or "top level"
    if "unknown field" in found[1] or found[2]:
        return f"{key}: {found[1]}"
    values = _at(raw, found[3])
    return f"{key}: {found[1]}" + (
        f", value {_short(values[0] if len(values) == 1 else values)}" if values else ""
    )


def _at(raw: Any, path: str) -> list[Any]:
    """Every value of *raw* that msgspec's *path* can mean; `[...]` stands for each item."""
    values = [raw]
    for index, each, key in re.findall(r"\[(\d+)\]|(\[\.\.\.\])|\.([^.\[]+)", path):
        if each:
            values = [item for v in values for item in (v.values() if isinstance(v, dict) else v or ())]
        elif index:
            values = [v[int(index)] for v in values if isinstance(v, list) and int(index) < len(v)]
        else:
            values = [v[key] for v in values if isinstance(v, dict) and key in v]
    # A missing key or a cross-check of a whole object has no single bad value to show.
    return [] if any(isinstance(v, dict) for v in values) else values


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "…"
