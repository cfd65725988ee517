"""What the command-line tools share: every error in one line, status 2, and the log on standard error."""

from __future__ import annotations

import errno
import logging
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import click

from device_runtime.descriptors import error_descriptor
from device_runtime.errors import FatalError

FAILED = 2
"""Exit status of wrong use, bad input and everything else that ends in a `FatalError`."""

INTERRUPTED = 130
"""Exit status after Ctrl-C, as a shell reports it."""


def one_line(text: str) -> str:
    """*text* in one printable line, whatever a file name in it holds."""
    return "".join(c if c.isprintable() else "?" for c in " ".join(text.split()))


def fail(error: FatalError) -> NoReturn:
    """Print *error* as one line on standard error and exit with status 2."""
    click.echo(for_journal(logging.ERROR) + one_line(f"error: {error}"), err=True)
    sys.exit(FAILED)


def for_journal(level: int) -> str:
    """What a line on standard error begins with where that is the journal: its priority, see sd-daemon(3)."""
    device, _, inode = os.environ.get("JOURNAL_STREAM", "").partition(":")
    try:
        stream = os.fstat(error_descriptor())
    except OSError:
        return ""
    if (device, inode) != (str(stream.st_dev), str(stream.st_ino)):
        return ""
    return "<3>" if level >= logging.ERROR else "<4>" if level >= logging.WARNING else "<6>"


class OneLineCommand(click.Command):
    """A command whose `main` shows no traceback for what is not this program's fault.

    Wrong use and `FatalError` become one line on standard error and status 2; Ctrl-C is status 130, and a
    closed pipe, as of `head`, status 1, both without a word.
    """

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """As `click.Command.main`; with `standalone_mode=False` errors pass through."""
        if not standalone_mode:
            return super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        try:
            status = super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
            # Not left to Python's exit, which would complain of a closed pipe in three lines.
            sys.stdout.flush()
        except FatalError as error:
            fail(error)
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
            sys.exit(error.exit_code)
        except click.ClickException as error:
            context = error.ctx if isinstance(error, click.UsageError) else None
            tool = context.command_path if context else str(self.name)
            fail(FatalError(tool, error.format_message().rstrip("."), f"see {tool} --help"))
        except (click.Abort, KeyboardInterrupt):
            sys.exit(INTERRUPTED)
        except OSError as error:
            if error.filename is not None or error.errno not in (errno.EPIPE, errno.ENOSPC):
                raise
            # Python flushes standard output again at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            if error.errno == errno.EPIPE:
                sys.exit(1)
            fail(FatalError("output", f"cannot be written ({error.strerror})", "free some space"))
        # A number is what the command returned or gave to `Context.exit`.
        sys.exit(status if isinstance(status, int) else 0)


class OneLineGroup(OneLineCommand, click.Group):
    """A group of `OneLineCommand`s, and one itself."""

    command_class = OneLineCommand
    group_class = type


def configure_logging(level: int = logging.INFO) -> None:
    """Print this package's log on standard error, a line a record.

    A warning or an error says so (`warning: …`); information stands alone.
    """
    handler = _OneLineHandler()
    handler.setFormatter(_OneLineFormatter())
    log = logging.getLogger("device_runtime")
    log.setLevel(level)
    log.handlers = [handler]


class _OneLineHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        click.echo(self.format(record), err=True)


class _OneLineFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        word = f"{record.levelname.lower()}: " if record.levelno >= logging.WARNING else ""
        return for_journal(record.levelno) + one_line(word + super().format(record))
