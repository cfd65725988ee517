"""The tables of a database, brought to what this lpr-host knows."""

from __future__ import annotations

import threading
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from device_runtime.errors import FatalError
from host.store.database import Database

_FOLDER = Path(__file__).parent / "migrations"
_ONE_AT_A_TIME = threading.Lock()
_PATIENCE_S = 600.0
"""For another that brings it up to date: a million rows take a while."""


def migrate(database: Database) -> None:
    """Make the tables, or bring those of an older lpr-host up to date.

    Where several do so at once, the first does it while the others wait.

    Raises:
        FatalError: a newer lpr-host made it, or it holds other tables.
        Unavailable: the database cannot do it; it is as it was.
    """
    newest = _scripts().get_current_head()
    with database.reading() as connection:
        if _revision(connection) == newest:
            return
    # Alembic's context is the whole process's.
    with _ONE_AT_A_TIME, database.writing(_PATIENCE_S) as connection:
        found = _revision(connection)
        if found == newest:
            return
        known = {script.revision for script in _scripts().walk_revisions()}
        if found is not None and found not in known:
            why = f"was made by a newer lpr-host (revision {found}; this one knows up to {newest})"
            raise FatalError(database.name, why, "update lpr-host")
        if found is None and (others := sa.inspect(connection).get_table_names()):
            why = f"holds tables of another program ({', '.join(sorted(others)[:3])})"
            raise FatalError(database.name, why, "name a database of its own")
        if not database.is_sqlite:
            encoding = connection.scalar(sa.text("SHOW server_encoding"))
            if encoding != "UTF8":
                raise FatalError(database.name, f"is encoded in {encoding}", "create it with UTF8")
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _revision(connection: sa.Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())
