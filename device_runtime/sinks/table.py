"""Events as CSV, a row each."""

from __future__ import annotations

import csv
import errno
import io
import os
from pathlib import Path

from device_runtime.errors import FatalError
from device_runtime.follow.event import Event, Passage
from device_runtime.sinks.sink import Sink

COLUMNS = (
    *("first_seen", "last_seen", "duration_s", "text", "confidence", "readings", "depth", "across", "line"),
    *("listed", "complete", "clock_synchronized", "source", "id"),
)


class Table(Sink):
    """Appends to a CSV file (RFC 4180, UTF-8), which gets a header if it is new.

    It is opened for each event, so that it may be moved away at any time. A line that was torn is ended
    first. What a spreadsheet could take for a formula is put behind an apostrophe.

    Args:
        path: of the file.

    Raises:
        FatalError: it has other columns, or cannot be written, but for a disk that is full now.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            with path.open("rb") as file:
                first = file.readline(4096)
        except FileNotFoundError:
            first = b""
        except OSError as error:
            raise self._error(error) from None
        if first and first.strip() != _row(COLUMNS).strip():
            raise FatalError(str(path), "has other columns", "name another file, or move it away")
        try:
            self._append(b"")
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise self._error(error) from None

    def tell(self, passage: Passage) -> None:
        """Append *passage*.

        Raises:
            FatalError: it cannot be written.
        """
        try:
            self._append(_row(_cells(passage.event)))
        except OSError as error:
            raise self._error(error) from None

    def _append(self, row: bytes) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a+b") as file:
            size = file.seek(0, os.SEEK_END)
            begin = _row(COLUMNS) if not size else b""
            if size:
                file.seek(size - 1)
                begin = b"" if file.read(1) == b"\n" else b"\r\n"
            # In one piece, so that a full disk or a kill tears a line at most.
            file.write(begin + row)

    def _error(self, error: OSError) -> FatalError:
        return FatalError(
            str(self._path), f"cannot be written ({error.strerror})", "free space or name another file"
        )


def _cells(event: Event) -> tuple[str, ...]:
    way = event.direction
    return (
        event.first_seen.isoformat(timespec="milliseconds"),
        event.last_seen.isoformat(timespec="milliseconds"),
        f"{event.duration_s:.3f}",
        event.text,
        f"{event.confidence:.4f}",
        str(event.readings),
        *(way.depth or "", way.across or "", way.line or ""),
        event.listed or "",
        *("true" if yes else "false" for yes in (event.complete, event.clock_synchronized)),
        event.source,
        event.id,
    )


def _row(cells: tuple[str, ...]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerow([_harmless(cell) for cell in cells])
    return text.getvalue().encode(errors="replace")


def _harmless(cell: str) -> str:
    plain = "".join(c if c.isprintable() else " " for c in cell)
    return f"'{plain}" if plain.startswith(("=", "+", "-", "@")) else plain
