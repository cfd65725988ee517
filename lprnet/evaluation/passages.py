"""Videos with labels: how many events there are, and how often events and single frames are right."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from device_runtime.errors import FatalError
from device_runtime.follow.event import Event
from device_runtime.follow.follower import Follower, sightings_of
from device_runtime.follow.look_alike import normalised
from device_runtime.reader import Examiner
from device_runtime.sources.frame import Frame
from device_runtime.sources.open import open_source
from device_runtime.sources.source import frames_of
from lprnet.data.photographs import LABELS


class Label(msgspec.Struct, frozen=True):
    """A plate that passes."""

    text: str


class Video(msgspec.Struct, frozen=True, kw_only=True):
    """A line of `labels.jsonl`: a file beside it, and the plates that pass in it."""

    file: str
    plates: tuple[Label, ...]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a video.

    Attributes:
        video: its label.
        events: those of its passages.
        readings: texts of single frames.
    """

    video: Video
    events: tuple[Event, ...]
    readings: tuple[str, ...]

    @property
    def truths(self) -> tuple[str, ...]:
        """What its plates say, normalised as events are."""
        return tuple(normalised(plate.text) for plate in self.video.plates)

    @property
    def counted(self) -> bool:
        """Whether there are as many events as plates."""
        return len(self.events) == len(self.video.plates)

    @property
    def told(self) -> int:
        """Plates whose text an event says."""
        texts = {event.text for event in self.events}
        return sum(truth in texts for truth in self.truths)


@dataclass(frozen=True, kw_only=True)
class Summary:
    """Of several videos.

    Attributes:
        videos, counted: how many, and how many of them with as many events as plates.
        plates, told: how many, and how many of them whose text an event says.
        events, unread_events, wrong_events: how many, how many of them have no text, and say something else.
        readings, wrong_readings: of single frames, likewise.
    """

    videos: int
    counted: int
    plates: int
    told: int
    events: int
    unread_events: int
    wrong_events: int
    readings: int
    wrong_readings: int


def read_videos(folder: Path) -> list[Video]:
    """The lines of `labels.jsonl` in *folder*.

    Raises:
        FatalError: it cannot be read, or a line is none.
    """
    path = folder / LABELS
    try:
        lines = path.read_bytes().splitlines()
        return [msgspec.json.decode(line, type=Video) for line in lines if line.strip()]
    except OSError as error:
        raise FatalError(str(path), f"cannot be read ({error.strerror})", "name a folder of videos") from None
    except msgspec.MsgspecError as error:
        raise FatalError(str(path), f"is no labels of videos ({error})", "name a folder of videos") from None


def watch(video: Video, folder: Path, examiner: Examiner, follower: Follower) -> Outcome:
    """Read every frame of *video* and follow its plates.

    Raises:
        FatalError: the file cannot be read.
    """
    events: list[Event] = []
    readings: list[str] = []
    for frame in frames_of(open_source(str(folder / video.file))):
        assert isinstance(frame, Frame)
        examined = examiner.examine(frame.image)
        readings += [normalised(plate.text) for plate in examined.plates]
        told = follower.add(frame.moment, sightings_of(examined), source=frame.source)
        events += [passage.event for passage in told]
    events += [passage.event for passage in follower.close()]
    opened = tuple(event for event in events if not event.complete)
    return Outcome(video=video, events=opened, readings=tuple(readings))


def summary_of(outcomes: Iterable[Outcome]) -> Summary:
    """All of *outcomes* together."""
    kept = list(outcomes)
    return Summary(
        videos=len(kept),
        counted=sum(one.counted for one in kept),
        plates=sum(len(one.truths) for one in kept),
        told=sum(one.told for one in kept),
        events=sum(len(one.events) for one in kept),
        unread_events=sum(not event.text for one in kept for event in one.events),
        wrong_events=sum(
            bool(event.text) and event.text not in one.truths for one in kept for event in one.events
        ),
        readings=sum(len(one.readings) for one in kept),
        wrong_readings=sum(text not in one.truths for one in kept for text in one.readings),
    )
