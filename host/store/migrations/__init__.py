"""How a database of an older lpr-host becomes one of this: Alembic's environment and its revisions."""
