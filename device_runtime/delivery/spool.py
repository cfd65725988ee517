"""Items on disk until the host has acknowledged them.

    spool.json                          the spool's own UUID
    event-00000000000000000001.log      sealed items (`record`), one a line; kind and first sequence number
    event-00000000000000000001.acked    sealed sequence numbers of those that the host has
    event-00000000000000000214.log      the one that is written to
    health-…, report-…

- **Bounded.** When it would grow beyond its bound, whole files are dropped, oldest first: of health reports,
  then of reports, then of events. Each item dropped is counted.
- **kill -9**: an item is in the kernel's hands once `append` returns. **Power cut**: it is on disk once
  `sync` returns; files and the folder's entries are synced. Only then is it given out to be sent, so that no
  sequence number which the host has seen is given again.
- **Acknowledged** items are noted, and their file is deleted when it holds no others and is no longer written
  to. The notes are not synced: after a power cut some items are sent again, and the host knows their ids.
- **Damage**: a torn last line is cut off; a line whose checksum is wrong is counted and passed over.
- **Full disk**: items wait in memory, bounded like the rest but shorter, are sent from there, and are written
  once there is room.

Clocks play no part: sequence numbers alone give the order.
"""

from __future__ import annotations

import fcntl
import heapq
import logging
import os
import re
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice, takewhile
from pathlib import Path

from device_runtime.delivery.item import KINDS, Uuid, new_id
from device_runtime.delivery.record import seal
from device_runtime.delivery.spool_file import Entry, SpoolFile
from device_runtime.errors import FatalError
from device_runtime.schema import Format, Tolerant

log = logging.getLogger(__name__)

MAX_BYTES = 16 << 20
"""A spool's bound unless told otherwise: some 50,000 events."""

_FILE_BYTES = 64 << 10
"""A file is closed when it is so long: what is dropped or deleted at once."""

_WAITING_BYTES = 1 << 20
"""Bound of what waits in memory while the disk is full."""

_NAME = re.compile(rf"({'|'.join(KINDS)})-([0-9]{{20}})\.log")


@dataclass(kw_only=True)
class Counts:
    """What became of the items.

    Attributes:
        spooled: appended.
        acknowledged: stored by the host.
        dropped: by kind, to stay within a bound, before the host had them.
        refused: by the host for good, or too long.
        damaged: lines on disk that were not whole.
        waited: appended while the disk took no more.
    """

    spooled: int = 0
    acknowledged: int = 0
    dropped: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    refused: int = 0
    damaged: int = 0
    waited: int = 0


class _Identity(Tolerant, frozen=True, kw_only=True):
    spool_version: int = 1
    spool: Uuid


_IDENTITY = Format(
    schema=_Identity, what="a spool", version=1, version_key="spool_version", todo="name another folder"
)


class Spool:
    """Keeps items in a folder of its own. Every method may be called from any thread.

    Args:
        folder: is made; one program at a time may use it.
        max_bytes: bound of all its files.

    Attributes:
        identity: its UUID.
        counts: since it was opened.

    Raises:
        FatalError: the folder cannot be made or read, or another program uses it.
    """

    def __init__(self, folder: Path, max_bytes: int = MAX_BYTES) -> None:
        self.folder, self.max_bytes = folder, max_bytes
        self.counts = Counts()
        self._file_bytes = min(_FILE_BYTES, max(max_bytes // 16, 1))
        self._lock = threading.RLock()
        self._waiting: list[Entry] = []
        self._waiting_bytes = 0
        self._unsynced: list[SpoolFile] = []
        self._new_names = self._closed = False
        self._warned: set[str] = set()
        self._folder_handle = _lock_folder(folder)
        try:
            self.identity = self._identify()
            self._files = self._find()
        except OSError as error:
            os.close(self._folder_handle)
            raise FatalError(
                str(folder), f"cannot be read ({error.strerror})", "name another folder for the spool"
            ) from None
        self._durable = 0
        self._last = 0
        for chain in self._files.values():
            if chain:
                numbers = [entry.sequence for entry in chain[-1].entries or ()]
                self._last = max(self._last, chain[-1].first - 1, *numbers, *chain[-1].done)

    def _identify(self) -> str:
        path = self.folder / "spool.json"
        try:
            return _IDENTITY.read(path).spool
        except FatalError:
            identity = new_id()
        try:
            _IDENTITY.write(path, _Identity(spool=identity))
        except FatalError as error:
            self._warn("full", f"{error.what}: {error.why}; items wait in memory")
        self._new_names = True
        return identity

    def _find(self) -> dict[str, list[SpoolFile]]:
        files: dict[str, list[SpoolFile]] = {kind: [] for kind in KINDS}
        for path in sorted(self.folder.iterdir()):
            if named := _NAME.fullmatch(path.name):
                file = SpoolFile(str(path), named[1], int(named[2]))
                file.size = path.stat().st_size
                with suppress(FileNotFoundError):
                    file.notes_size = Path(file.notes).stat().st_size
                files[named[1]].append(file)
            elif path.suffix == ".acked" and not path.with_suffix(".log").exists():
                path.unlink()
        for chain in files.values():
            if chain:
                oldest, last = chain[0], chain[-1]
                # Older versions gave a file that follows one that was dropped too high a name.
                oldest.low = 0
                oldest.read(_end(chain, oldest))
                oldest.low = min([oldest.first, *(entry.sequence for entry in oldest.entries or ())])
                oldest.entries = None
                self._count_damage(last.read(_end(chain, last)))
                with suppress(OSError):
                    if last.torn:
                        last.size -= last.torn
                        os.truncate(last.path, last.size)
                    # A program that was killed may have left what is not on the disk yet.
                    last.open()
                    self._unsynced.append(last)
        return files

    def _count_damage(self, lines: int) -> None:
        self.counts.damaged += lines
        if lines:
            log.warning(
                "%s: %d damaged lines are passed over, as a power cut leaves them", self.folder, lines
            )

    def _warn(self, about: str, text: str) -> None:
        """Once, until all is well again."""
        if about not in self._warned:
            self._warned.add(about)
            log.warning("%s", text)

    @property
    def last_sequence(self) -> int:
        """The highest sequence number so far; 0 where there was none."""
        return self._last

    @property
    def size(self) -> int:
        """Bytes of its files."""
        with self._lock:
            return sum(f.size + f.notes_size for chain in self._files.values() for f in chain)

    def append(self, entry: Entry) -> None:
        """Keep an item: on disk, or while the disk takes no more in memory.

        Args:
            entry: its sequence number is higher than all before, its kind one of `KINDS`.
        """
        with self._lock:
            self._last = max(self._last, entry.sequence)
            if len(entry.data) > self.max_bytes // 2:
                self.counts.refused += 1
                log.warning("%s: an item of %d bytes is too long", self.folder, len(entry.data))
                return
            self.counts.spooled += 1
            self._waiting.append(entry)
            self._waiting_bytes += len(entry.data)
            if not self._write_waiting():
                self.counts.waited += 1
                self._bound_waiting()

    def _write_waiting(self) -> bool:
        """Write what waits in memory; whether nothing does any more."""
        while self._waiting:
            entry = self._waiting[0]
            line = seal(entry.data)
            try:
                self._make_room(len(line))
                self._write(entry, line)
            except OSError as error:
                self._warn(
                    "full", f"{self.folder}: cannot be written ({error.strerror}); items wait in memory"
                )
                return False
            del self._waiting[0]
            self._waiting_bytes -= len(entry.data)
        self._warned.discard("full")
        return True

    def _write(self, entry: Entry, line: bytes) -> None:
        chain = self._files[entry.kind]
        if not chain or chain[-1].size >= self._file_bytes:
            self._next_file(entry.kind, entry.sequence)
        file = chain[-1]
        if file.handle is None:
            file.open()
        file.write(line)
        if file.entries is not None:
            file.entries.append(entry)
        if file not in self._unsynced:
            self._unsynced.append(file)

    def _next_file(self, kind: str, first: int) -> None:
        chain = self._files[kind]
        file = SpoolFile(f"{self.folder}/{kind}-{first:020}.log", kind, first)
        file.open()
        file.entries = []
        self._new_names = True
        chain.append(file)
        # One that was waited for: it is not written to any more.
        for before in chain[:-1]:
            self._delete_if_done(before)

    def _delete_if_done(self, file: SpoolFile) -> None:
        chain = self._files[file.kind]
        if file is not chain[-1] and file.entries is not None and not file.left():
            chain.remove(file)
            self._forget(file)

    def _forget(self, file: SpoolFile) -> None:
        if file in self._unsynced:
            self._unsynced.remove(file)
        file.delete()

    def _make_room(self, need: int) -> None:
        while self.size + need > self.max_bytes:
            victim = next((chain[0] for chain in self._files.values() if chain and chain[0].size), None)
            if victim is None:
                return
            self._load(victim)
            if victim is self._files[victim.kind][-1]:
                # Its name tells the next sequence number after a restart; what waits will be written to it.
                waiting = (entry.sequence for entry in self._waiting if entry.kind == victim.kind)
                with suppress(OSError):
                    self._next_file(victim.kind, next(waiting, self._last + 1))
                if victim not in self._files[victim.kind]:
                    continue
            dropped = len(victim.left())
            self._files[victim.kind].remove(victim)
            self._forget(victim)
            self._count_dropped(victim.kind, dropped)

    def _count_dropped(self, kind: str, n: int) -> None:
        if n:
            self.counts.dropped[kind] += n
            self._warn("bound", f"{self.folder}: is full; the oldest items are dropped, {kind} first")

    def _bound_waiting(self) -> None:
        while self._waiting_bytes > min(_WAITING_BYTES, self.max_bytes):
            kinds = {entry.kind for entry in self._waiting}
            kind = next(kind for kind in KINDS if kind in kinds)
            index = next(i for i, entry in enumerate(self._waiting) if entry.kind == kind)
            self._waiting_bytes -= len(self._waiting.pop(index).data)
            self._count_dropped(kind, 1)

    def _load(self, file: SpoolFile) -> None:
        if file.entries is None:
            try:
                self._count_damage(file.read(_end(self._files[file.kind], file)))
            except OSError as error:
                log.warning("%s: cannot be read (%s)", file.path, error.strerror)
                file.entries = []

    def sync(self) -> None:
        """Bring what was appended to the disk, then give it out; first write what waited in memory."""
        with self._lock:
            if self._closed:
                return
            self._write_waiting()
            last, files, new_names = self._last, self._unsynced, self._new_names
            # Copies: the files may be closed meanwhile.
            handles = [os.dup(file.handle) for file in files if file.handle is not None]
            self._unsynced, self._new_names = [], False
        try:
            for handle in handles:
                os.fdatasync(handle)
            if new_names:
                os.fsync(self._folder_handle)
            self._warned.discard("sync")
        except OSError as error:
            self._warn("sync", f"{self.folder}: cannot be synced ({error.strerror})")
        finally:
            for handle in handles:
                os.close(handle)
        with self._lock:
            self._durable = max(self._durable, last)
            for chain in self._files.values():
                for file in chain[:-1]:
                    if file not in self._unsynced:
                        file.close()

    def after(self, sequence: int, max_items: int, max_bytes: int) -> list[Entry]:
        """The next items that the host does not have, in order.

        Args:
            sequence: those with a higher number.
            max_items: no more than so many.
            max_bytes: and no more bytes, one item aside.
        """
        with self._lock:
            found: list[Entry] = []
            total = 0
            for entry in takewhile(lambda entry: entry.sequence <= self._durable, self._left(sequence)):
                total += len(entry.data)
                if found and total > max_bytes:
                    break
                found.append(entry)
                if len(found) == max_items:
                    break
            self._unload({entry.sequence for entry in found})
            return found

    def _left(self, sequence: int) -> Iterator[Entry]:
        chains = [self._left_of(chain, sequence) for chain in self._files.values()]
        waiting = (entry for entry in self._waiting if entry.sequence > sequence)
        return heapq.merge(*chains, waiting, key=lambda entry: entry.sequence)

    def _left_of(self, chain: list[SpoolFile], sequence: int) -> Iterator[Entry]:
        files = list(chain)
        for index, file in enumerate(files):
            if index + 1 < len(files) and files[index + 1].first <= sequence + 1:
                continue
            self._load(file)
            entries = [entry for entry in file.left() if entry.sequence > sequence]
            self._delete_if_done(file)
            yield from entries

    def _unload(self, needed: set[int]) -> None:
        """Keep in memory only the files that were just read from, and those that are written to."""
        for chain in self._files.values():
            for file in chain[:-1]:
                if file.entries is not None and not any(e.sequence in needed for e in file.entries):
                    file.entries = None

    @property
    def unwritten(self) -> int:
        """How many items the disk has not taken yet."""
        with self._lock:
            return len(self._waiting)

    @property
    def empty(self) -> bool:
        """Whether the host has all items that were not dropped."""
        with self._lock:
            return not any(islice(self._left(0), 1))

    def acknowledge(self, entries: Iterable[Entry]) -> None:
        """The host has *entries*, which `after` gave out: they are not given out again."""
        self.counts.acknowledged += self._finish(entries)

    def refuse(self, entries: Iterable[Entry]) -> None:
        """The host will never take *entries*, which `after` gave out."""
        self.counts.refused += self._finish(entries)

    def _finish(self, entries: Iterable[Entry]) -> int:
        with self._lock:
            finished = 0
            by_file: dict[int, tuple[SpoolFile, list[int]]] = {}
            for entry in entries:
                chain = self._files[entry.kind]
                file = next((file for file in reversed(chain) if file.low <= entry.sequence), None)
                if entry in self._waiting:
                    self._waiting.remove(entry)
                    self._waiting_bytes -= len(entry.data)
                    finished += 1
                elif file is not None and entry.sequence not in file.done:
                    by_file.setdefault(id(file), (file, []))[1].append(entry.sequence)
            for file, sequences in by_file.values():
                file.note(sequences)
                finished += len(sequences)
                self._load(file)
                self._delete_if_done(file)
            if "bound" in self._warned and self.empty:
                self._warned.discard("bound")
            return finished

    def close(self) -> None:
        """Sync, and let another program have the folder."""
        self.sync()
        with self._lock:
            if self._closed:
                return
            self._closed = True
            for chain in self._files.values():
                for file in chain:
                    file.close()
            os.close(self._folder_handle)


def _end(chain: list[SpoolFile], file: SpoolFile) -> int | None:
    """The first sequence number that belongs into the file after *file*; None: there is none."""
    index = chain.index(file) + 1
    return chain[index].first if index < len(chain) else None


def _lock_folder(folder: Path) -> int:
    try:
        if not folder.is_dir():
            folder.mkdir(parents=True, exist_ok=True)
            parent = os.open(folder.parent, os.O_RDONLY | os.O_DIRECTORY)
            os.fsync(parent)
            os.close(parent)
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise FatalError(
            str(folder), f"cannot be made or opened ({error.strerror})", "name another folder for the spool"
        ) from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise FatalError(
            str(folder), "is used by another program", "stop it or name another folder for the spool"
        ) from None
    return handle
