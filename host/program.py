"""The program `lpr-host`: `host.cli`; Ctrl-C shows no traceback, however early or late."""

from __future__ import annotations

from lprnet.program import run


def main() -> None:
    """Entry point."""
    run("host.cli")


if __name__ == "__main__":
    main()
