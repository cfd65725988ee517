"""What `lpr-host` and `lprnet` show while they work: log lines, progress, tables.

Progress goes to standard error through `logging`, results to standard output. A terminal gets colours,
bars and tables that fit its width; a file or a pipe gets plain lines that stay the same:

    LOG = logging.getLogger(__name__)

    LOG.info("reading %s", path)                        standard error: reading plates.csv
    with timed("quantize", LOG): ...                      quantize                              1.3 s
    for image in track(images, "reading"): ...          a bar, on a terminal only
    table(("data set", "n"), [("ccpd", "409")], right={"n"})      standard output
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from rich.cells import cell_len
from rich.console import Console
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

T = TypeVar("T")

LOGGERS = ("host", "lprnet", "device_runtime")
"""Whose messages are shown; other packages keep theirs to themselves."""

LOG = logging.getLogger(__name__)
GAP = "  "
"""Between the columns of a plain table."""
_STYLES = {logging.WARNING: "yellow", logging.ERROR: "red", logging.CRITICAL: "red"}


def configure(verbosity: int = 0) -> None:
    """Send the log lines of `LOGGERS` to standard error, once each; may be called again.

    Args:
        verbosity: below 0 warnings alone, 0 progress lines too, above 0 debugging lines too.
    """
    level = logging.WARNING if verbosity < 0 else logging.DEBUG if verbosity else logging.INFO
    handler = _Handler()
    for name in LOGGERS:
        logger = logging.getLogger(name)
        logger.setLevel(level)
        logger.handlers = [old for old in logger.handlers if not isinstance(old, _Handler)]
        logger.addHandler(handler)


@contextmanager
def timed(what: str, logger: logging.Logger = LOG) -> Iterator[None]:
    """Log *what* was done and the seconds it took; nothing if it raised."""
    start = time.monotonic()
    yield
    logger.info("  %-34s %6.1f s", what, time.monotonic() - start)


def track(
    items: Iterable[T], what: str, total: int | None = None, logger: logging.Logger = LOG
) -> Iterator[T]:
    """*items*, with a progress bar on standard error while they are used, if that is a terminal.

    Args:
        total: how many there are, where *items* has no length.
    """
    if not _shows_progress(logger):
        yield from items
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    # Standard output is the result's, also while a bar is shown.
    with Progress(
        *columns, console=_errors(), transient=True, redirect_stdout=False, redirect_stderr=False
    ) as bar:
        yield from bar.track(items, total=total, description=what)


@contextmanager
def changing_line(start: str, logger: logging.Logger = LOG) -> Iterator[Callable[[str], None]]:
    """A line that begins with *start* and goes on with what was last given to the function yielded.

    A terminal sees every change; the last one is logged.
    """
    last = ""

    def show(text: str) -> None:
        nonlocal last
        last = text
        if live:
            live.update(Text(f"{start} {text}", no_wrap=True, overflow="ellipsis"), refresh=True)

    live: Live | None = None
    if _shows_progress(logger):
        live = Live(
            console=_errors(),
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        with live:
            yield show
    else:
        yield show
    logger.info("%s %s", start, last)


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], right: Collection[str] = ()) -> None:
    """Print a table on standard output: `plain_table`, or one that fits the width of a terminal.

    Args:
        right: headings of columns that are set to the right, as numbers are.
    """
    if not sys.stdout.isatty():
        print(plain_table(headings, rows, right))
        return
    shown = Table(box=None, pad_edge=False, padding=(0, len(GAP), 0, 0), header_style="bold")
    for heading in headings:
        shown.add_column(heading, justify="right" if heading in right else "left", overflow="fold")
    for row in rows:
        shown.add_row(*row)
    Console(markup=False, highlight=False, emoji=False).print(shown)


def plain_table(headings: Sequence[str], rows: Iterable[Sequence[str]], right: Collection[str] = ()) -> str:
    """The table as lines of text, a row each, never wrapped; a Chinese character is two cells wide.

    Args:
        right: headings of columns that are set to the right, as numbers are.
    """
    lines = [tuple(headings), *map(tuple, rows)]
    widths = [max(map(cell_len, column)) for column in zip(*lines, strict=True)]

    def padded(cell: str, heading: str, width: int) -> str:
        space = " " * (width - cell_len(cell))
        return space + cell if heading in right else cell + space

    return "\n".join(GAP.join(map(padded, line, headings, widths)).rstrip() for line in lines)


class _Handler(logging.Handler):
    """Prints through rich on a terminal, so that a progress bar stays below; plain lines elsewhere."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = self.format(record)
            if record.levelno >= logging.WARNING:
                text = f"{record.levelname.lower()}: {text}"
            if sys.stderr.isatty():
                _errors().print(text, style=_STYLES.get(record.levelno), soft_wrap=True)
            else:
                print(text, file=sys.stderr, flush=True)
        except Exception:
            self.handleError(record)


_console: Console | None = None


def _errors() -> Console:
    """Standard error as one rich console: bars and log lines must share it."""
    global _console
    if _console is None:
        _console = Console(stderr=True, markup=False, highlight=False, emoji=False)
    return _console


def _shows_progress(logger: logging.Logger) -> bool:
    return sys.stderr.isatty() and logger.isEnabledFor(logging.INFO)
