"""Secrets: from the environment or from files, never from a command line, where every user sees them."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from device_runtime.errors import FatalError

TOKEN = "LPR_TOKEN"
"""Environment variable with the token for the host; `read_token` derives the other places from it."""

CREDENTIALS = "CREDENTIALS_DIRECTORY"
"""Environment variable with the folder where systemd puts a service's credentials."""


def read_secret(name: str, environment: Mapping[str, str] = os.environ) -> tuple[str, str] | None:
    """A secret, and where it stood, or None.

    From the variable *name*, e.g. `LPR_TOKEN`, else the file that `LPR_TOKEN_FILE` names, else systemd's
    credential `lpr-token`. White space around it is no part of it.

    Raises:
        FatalError: its file cannot be read.
    """
    if name in environment:
        return environment[name].strip(), name
    if f"{name}_FILE" in environment:
        path = Path(environment[f"{name}_FILE"])
    elif CREDENTIALS in environment:
        path = Path(environment[CREDENTIALS]) / name.lower().replace("_", "-")
        if not path.exists():
            return None
    else:
        return None
    try:
        with path.open("rb") as file:
            return file.read(8193).decode("ascii", errors="replace").strip(), str(path)
    except OSError as error:
        raise FatalError(str(path), f"cannot be read ({error.strerror})", "name the token's file") from None


def read_token(environment: Mapping[str, str] = os.environ, name: str = TOKEN) -> str | None:
    """A bearer token, as `read_secret` finds it, or None.

    Raises:
        FatalError: its file cannot be read, or it is no token; the message does not show it.
    """
    found = read_secret(name, environment)
    if found is None:
        return None
    token, source = found
    # RFC 6750, 2.1.
    if len(token) > 8192 or not re.fullmatch(r"[A-Za-z0-9._~+/-]+=*", token):
        raise FatalError(
            source, "holds no bearer token", "write letters, digits and -._~+/ into it, nothing else"
        )
    return token
