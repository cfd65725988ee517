"""All that a user can adjust: one TOML file, and options that override it.

    [source]           sources/settings.py
    [locate]           locate/settings.py
    [reader]           read/settings.py
    [events]           follow/settings.py, and here
    [delivery] [webhook] [mqtt]
                       delivery/settings.py
    [output]           sinks/settings.py
    [service]          service/settings.py, as [health], [view] and [serve]

A section is a record; what it may hold is checked where it is used. `docs/lpr-run.md` has a whole file.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints

import msgspec

from device_runtime.delivery.settings import DeliverySettings, MqttSettings, WebhookSettings
from device_runtime.errors import FatalError
from device_runtime.follow.settings import MOST_ENTRIES, Settings
from device_runtime.locate.settings import LocateSettings
from device_runtime.read.settings import ReadSettings
from device_runtime.schema import Strict, from_table, meant
from device_runtime.service.settings import (
    HealthSettings,
    ServeSettings,
    ServiceSettings,
    ViewSettings,
)
from device_runtime.sinks.settings import OutputSettings
from device_runtime.sources.settings import SourceSettings

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

MAX_BYTES = 1 << 20
TODO = "correct it; docs/lpr-run.md shows every key"

Tables = dict[str, dict[str, Any]]
"""Sections by name, as in a TOML file."""


class EventSettings(Settings, frozen=True, kw_only=True):
    """How events are made, and of what.

    Attributes:
        follow: make events of frames; None: of a camera's and a video's, but not of images.
        allow_file, deny_file: more entries of `allow` and `deny`, one a line; `#` begins a comment.
    """

    follow: bool | None = None
    allow_file: Path | None = None
    deny_file: Path | None = None

    def with_files(self) -> EventSettings:
        """The same with the entries of both files in `allow` and `deny`.

        Raises:
            FatalError: a file cannot be read, or an entry is none.
        """
        changed: dict[str, Any] = {}
        for key, path in (("allow", self.allow_file), ("deny", self.deny_file)):
            if path is not None:
                changed |= {key: (*getattr(self, key), *read_list(path)), f"{key}_file": None}
                if key == "allow" and not changed[key]:
                    raise FatalError(
                        str(path), "holds no plate, so that none would be told", "write one a line"
                    )
        try:
            return msgspec.structs.replace(self, **changed)
        except ValueError as error:
            raise FatalError("--allow, --deny", str(error), "write one plate a line") from None


class Configuration(Strict, frozen=True, kw_only=True):
    """One field for each section."""

    source: SourceSettings = SourceSettings()
    locate: LocateSettings = LocateSettings()
    reader: ReadSettings = ReadSettings()
    events: EventSettings = EventSettings()
    delivery: DeliverySettings = DeliverySettings()
    webhook: WebhookSettings = WebhookSettings()
    mqtt: MqttSettings = MqttSettings()
    output: OutputSettings = OutputSettings()
    service: ServiceSettings = ServiceSettings()
    health: HealthSettings = HealthSettings()
    view: ViewSettings = ViewSettings()
    serve: ServeSettings = ServeSettings()


@dataclass(frozen=True)
class Override:
    """What an option says.

    Attributes:
        option: its name, as in `--roi`.
        section, key: what it overrides.
        value: as it would stand in a TOML file.
    """

    option: str
    section: str
    key: str
    value: Any


def configure(path: Path | None = None, overrides: Iterable[Override] = ()) -> Configuration:
    """What the file *path* says, where there is one, and then the options.

    Relative paths start from the file's folder; those of options from where the user is.

    Raises:
        FatalError: the file cannot be read, or a key is unknown or its value not allowed: names the section
            or the option, the key and the value.
    """
    sections = _sections()
    records: dict[str, Any] = {name: kind() for name, kind in sections.items()}
    if path is not None:
        for name, table in read_tables(path).items():
            if name not in sections:
                known = ", ".join(f"[{section}]" for section in sections)
                why = "is no section" + meant(name, sections)
                raise FatalError(f"{path}: {name}", why, f"there are {known}")
            where = f"{path}: [{name}]"
            records[name] = from_table(sections[name], table, where, base=path.parent, todo=TODO)
    for override in overrides:
        kind, record = sections[override.section], records[override.section]
        kept = {key: getattr(record, key) for key in kind.__struct_fields__}
        # On its own for its type, and as a whole for what must fit together.
        own = from_table(kind, {override.key: override.value}, override.option, todo="see lpr-run --help")
        try:
            records[override.section] = kind(**kept | {override.key: getattr(own, override.key)})
        except ValueError as error:
            raise FatalError(override.option, str(error), "see lpr-run --help") from None
    return Configuration(**records)


def read_list(path: Path) -> tuple[str, ...]:
    """The plates in the file *path*, one a line; `#` begins a comment.

    Raises:
        FatalError: it cannot be read, or is too long.
    """
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES + 1).decode("utf-8-sig", errors="replace")
    except OSError as error:
        raise FatalError(str(path), f"cannot be read ({error.strerror})", "name a text file") from None
    entries = tuple(entry for line in text.splitlines() if (entry := line.partition("#")[0].strip()))
    if len(text) > MAX_BYTES or len(entries) > MOST_ENTRIES:
        raise FatalError(str(path), f"holds more than {MOST_ENTRIES} plates", "shorten it")
    return entries


def read_tables(path: Path) -> Tables:
    """The sections of the TOML file *path*.

    Raises:
        FatalError: it cannot be read, is too long or no TOML, or holds a key outside of all sections.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise FatalError(str(path), f"cannot be read ({error.strerror})", "name a TOML file") from None
    if len(data) > MAX_BYTES:
        raise FatalError(str(path), f"is larger than {MAX_BYTES >> 20} MiB", "name a TOML file")
    try:
        tables = tomllib.loads(data.decode())
    except (ValueError, RecursionError) as error:
        raise FatalError(str(path), f"is no TOML file: {error}", "correct it") from None
    for name, table in tables.items():
        if not isinstance(table, dict):
            raise FatalError(f"{path}: {name}", "stands in no section", f"put it below one; {TODO}")
    return tables


def _sections() -> dict[str, type[Strict]]:
    return get_type_hints(Configuration)
