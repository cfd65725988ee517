"""`host.deploy.agent` as one file that Python runs: a zip archive, the same bytes each time."""

from __future__ import annotations

import io
import zipfile
from functools import cache
from importlib import resources

_MAIN = """\
import sys

from host.deploy.agent.main import main

main(sys.argv[1:])
"""
_BEGINNING_OF_TIME = (1980, 1, 1, 0, 0, 0)
"""Of zip archives."""

LOADER = (
    "import os,sys;s=sys.stdin.buffer.read({size});f=os.memfd_create({quote}board{quote});"
    "open(f,{quote}wb{quote},closefd=False).write(s);"
    "sys.path.insert(0,{quote}/proc/self/fd/%d{quote}%f);"
    "from host.deploy.agent.main import main;main([],s)"
)
"""Python that reads `packed` from standard input and begins a session; no disk needs to have room for it."""


@cache
def packed() -> bytes:
    """The archive."""
    sources = {"__main__.py": _MAIN}
    for package in ("host", "host.deploy", "host.deploy.agent"):
        folder = resources.files(package)
        names = (
            ["__init__.py"]
            if package != "host.deploy.agent"
            else sorted(one.name for one in folder.iterdir() if one.name.endswith(".py"))
        )
        for name in names:
            sources[f"{package.replace('.', '/')}/{name}"] = folder.joinpath(name).read_text(encoding="utf-8")
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in sources.items():
            archive.writestr(zipfile.ZipInfo(name, _BEGINNING_OF_TIME), text, zipfile.ZIP_DEFLATED)
    return data.getvalue()
