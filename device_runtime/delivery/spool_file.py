"""One file of a spool: sealed items, one a line, and beside it notes of those that the host has."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass

import msgspec

from device_runtime.delivery.item import SequenceNumber
from device_runtime.delivery.record import seal, unseal


@dataclass(frozen=True, slots=True)
class Entry:
    """An item as it is kept: `data` is its JSON, and holds the other fields too."""

    sequence: int
    id: str
    kind: str
    data: bytes


class _Head(msgspec.Struct):
    id: str
    sequence: SequenceNumber


class SpoolFile:
    """One of a spool's files; `Spool` writes to the last one of its kind.

    Names are strings: `Path` interns each, and Python's table of those grows by a megabyte at a time.

    Args:
        path: of the items, ending in .log; the notes stand beside it.
        kind: of the items.
        first: sequence number in the file's name.

    Attributes:
        low: the lowest sequence number that it may hold.
        size, notes_size: bytes of the items and of the notes.
        torn: bytes at its end that `read` found to be half a line.
        handle: while it is written to.
        entries: all of them, None where they are not read yet.
        done: sequence numbers of those that the host has.
    """

    def __init__(self, path: str, kind: str, first: int) -> None:
        self.path, self.kind, self.first = path, kind, first
        self.low = first
        self.size = self.notes_size = self.torn = 0
        self.handle: int | None = None
        self._notes_handle: int | None = None
        self.entries: list[Entry] | None = None
        self.done: set[int] = set()

    @property
    def notes(self) -> str:
        """The file of sequence numbers that the host has."""
        return self.path.removesuffix(".log") + ".acked"

    def read(self, end: int | None) -> int:
        """Read the entries and the notes; returns how many lines were damaged, and sets `torn`, in bytes.

        Args:
            end: the first sequence number that belongs into the next file. A line with one that belongs into
                another file is damaged.
        """
        data = _bytes_of(self.path)
        texts, damaged, self.torn = unseal(data)
        self.size = len(data)
        self.entries = []
        for text in texts:
            try:
                head = msgspec.json.decode(text, type=_Head)
            except (msgspec.MsgspecError, UnicodeDecodeError):
                damaged += 1
                continue
            if head.sequence < self.low or (end is not None and head.sequence >= end):
                damaged += 1
                continue
            self.entries.append(Entry(head.sequence, head.id, self.kind, text))
        with suppress(FileNotFoundError):
            data = _bytes_of(self.notes)
            self.notes_size = len(data)
            self.done |= {int(text) for text in unseal(data)[0] if text.isdigit() and len(text) <= 20}
        return damaged

    def open(self) -> None:
        """Make it where it is not there, and write to it from now on."""
        self.handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)

    def close(self) -> None:
        """Write to it no more, until it is opened again."""
        for handle in (self.handle, self._notes_handle):
            if handle is not None:
                os.close(handle)
        self.handle = self._notes_handle = None

    def write(self, line: bytes) -> None:
        """Append all of *line* or, with an `OSError`, none of it."""
        assert self.handle is not None
        try:
            written = os.write(self.handle, line)
            if written < len(line):
                # A disk that is nearly full takes a part; the rest says why.
                written += os.write(self.handle, line[written:])
            if written < len(line):
                raise OSError(None, "short write")
        except OSError:
            os.ftruncate(self.handle, self.size)
            raise
        self.size += len(line)

    def note(self, sequences: list[int]) -> None:
        """Note what the host has; at worst it is sent once more."""
        self.done.update(sequences)
        lines = b"".join(seal(b"%d" % sequence) for sequence in sequences)
        with suppress(OSError):
            if self._notes_handle is None:
                self._notes_handle = os.open(
                    self.notes, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644
                )
            self.notes_size += os.write(self._notes_handle, lines)
        if self.handle is None:
            # An older file: it is not kept open for the few that are left.
            self.close()

    def left(self) -> list[Entry]:
        """Its entries that the host does not have."""
        assert self.entries is not None
        return [entry for entry in self.entries if entry.sequence not in self.done]

    def delete(self) -> None:
        """Remove it from the disk."""
        self.close()
        # The notes last: without them it would all be sent again.
        with suppress(OSError):
            os.unlink(self.path)
            os.unlink(self.notes)


def _bytes_of(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()
