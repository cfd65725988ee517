"""From the plates of each frame to one event a passage.

```
sightings ─▶ match ─▶ tracks ─▶ vote ─▶ filters ─▶ told before? ─▶ event
              by place  │                            │
              and text  └─ unseen for `patience`:    └─ within `memory`: same passage, nothing is told
                           its passage may be over
```
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import msgspec
from numpy.typing import NDArray

from device_runtime.delivery.item import new_id
from device_runtime.follow.event import Event, OtherText, Passage
from device_runtime.follow.filters import Filters
from device_runtime.follow.look_alike import distance
from device_runtime.follow.outline import Outline, iou
from device_runtime.follow.settings import Settings
from device_runtime.follow.track import OVERLAP, Sighting, Track, match, plain
from device_runtime.follow.vote import Vote, vote
from device_runtime.moment import Moment
from device_runtime.reader import Examined, Place, Plate

MOST_SIGHTINGS, MOST_TRACKS, MOST_PASSAGES = 32, 64, 256
"""Of a frame, followed at once, and remembered; the least sure, the longest unseen make room."""


def sightings_of(examined: Examined) -> tuple[Sighting, ...]:
    """What `Examiner.examine` found, the surest first: plates, then places of what was not read."""

    def outline(place: Place | None) -> Outline | None:
        return Outline.of(place.corners) if place else None

    read = [
        Sighting(
            text=plate.text,
            character_confidences=_calibrated(plate),
            score=plate.place.score if plate.place else 1.0,
            outline=outline(plate.place),
            crop=plate.image,
        )
        for plate in examined.plates
    ]
    places = [
        Sighting(
            text="",
            character_confidences=(),
            score=unread.place.score,
            outline=outline(unread.place),
            crop=unread.image,
        )
        for unread in examined.unread
        if unread.place
    ]
    return (*read, *places)


def _calibrated(plate: Plate) -> tuple[float, ...]:
    """The confidences of a plate's characters, so that their product is its text's.

    A network's own are too sure of what it has seen little of; the least sure one takes the most of that.
    """
    confidences = tuple(min(max(one, _LEAST), 1.0) for one in plate.character_confidences)
    whole = math.log(min(max(plate.confidence, _LEAST), 1.0))
    product = sum(map(math.log, confidences))
    if product > -_LEAST:
        return (math.exp(whole / len(confidences)),) * len(confidences) if confidences else ()
    return tuple(one ** (whole / product) for one in confidences)


@dataclass(eq=False, kw_only=True)
class _Told:
    """A passage that was told, and goes on as long as it is seen now and then.

    Attributes:
        identity: its id.
        event: what was known when its last track was told or ended.
        texts: as told and as voted last; an empty one is like none.
        place: where it stood; None of what moved, and where nobody knows.
        first, last: monotonic seconds.
        earlier: readings of tracks that have ended.
    """

    identity: str
    event: Event | None = None
    texts: tuple[str, ...]
    place: Outline | None
    first: float
    last: float
    earlier: int = 0


@dataclass(eq=False, kw_only=True)
class _Followed:
    """A track, what it was found to be, when to look next, and until when a text in doubt may wait.

    Both are monotonic seconds.
    """

    track: Track
    told: _Told | None = None
    look: float
    latest: float


NOTHING = Vote("", 0.0, (), (), 0)
"""No readings."""

DOUBT, LONGER = 0.5, 3.0
"""A text that is less sure waits for better frames, up to so many times `Settings.delay`."""
_OFTEN_S = 0.5
_LEAST = 1e-6

UNREAD_S = 10.0
"""A plate that stays and cannot be read is told after so long; one that goes, when it has gone."""


class Follower:
    """Follows plates and tells passages. Memory is bounded, however long it runs.

    Args:
        settings: what the user asks for.
        grammar: says whether a text is a plate, e.g. `Grammar.accepts`; needed where `settings.grammar`.
        identity: gives each passage a new id.

    Raises:
        ValueError: a grammar is asked for, and there is none.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        grammar: Callable[[str], bool] | None = None,
        identity: Callable[[], str] = new_id,
    ) -> None:
        self.settings = settings or Settings()
        self._filters = Filters.of(self.settings, grammar)
        self._unread = (
            self.settings.unread if self._filters.any_text and not self.settings.min_confidence else 0
        )
        self._identity = identity
        self._followed: list[_Followed] = []
        self._told: list[_Told] = []
        self._latest: Moment | None = None

    def add(
        self, moment: Moment, sightings: Sequence[Sighting], frame: NDArray | None = None, source: str = ""
    ) -> list[Passage]:
        """Take the plates of one frame, and return the passages to tell now.

        To be called for frames without plates too, since time passes there.

        Args:
            moment: when the frame was taken; a monotonic clock that falls back counts as standing still.
            sightings: what is in it, the surest first.
            frame: all of it, BGR uint8[H,W,3]; must not be written to afterwards.
            source: its name.
        """
        at = moment.monotonic
        if self._latest is not None and at < self._latest.monotonic:
            at = self._latest.monotonic
            moment = Moment(at, moment.clock, moment.synchronized)
        self._latest = moment
        seen = _distinct([plain(sighting) for sighting in sightings[:MOST_SIGHTINGS]])
        # A plate that has been away too long is not this one, whatever it says; its passage may be.
        passages = self._end(
            [f for f in self._followed if at - f.track.last > self.settings.patience], moment
        )
        tracks = [f.track for f in self._followed]
        for track in tracks:
            track.another_frame()
        matched = match(tracks, seen, at, self.settings)
        absorbed: list[_Followed] = []
        for t, s in matched.items():
            absorbed += self._misread(t, seen[s], matched)
            tracks[t].see(seen[s], at, frame, source, self.settings)
            if tracks[t].tally.readings == 1 and seen[s].text:
                self._followed[t].look = self._after(1, at)
                self._followed[t].latest = self._after(LONGER, at)
        self._followed = [f for f in self._followed if f not in absorbed]
        for s, sighting in enumerate(seen):
            if (sighting.text or self._unread) and s not in matched.values():
                look = self._after(1, at)
                if not sighting.text:
                    look = max(look, at + UNREAD_S)
                track = Track(sighting, at, frame, source, self.settings)
                self._followed.append(_Followed(track=track, look=look, latest=self._after(LONGER, at)))
        self._followed.sort(key=lambda f: f.track.last)
        passages += self._end(self._followed[: max(len(self._followed) - MOST_TRACKS, 0)], moment)
        for followed in self._followed:
            if followed.told:
                followed.told.last = max(followed.told.last, followed.track.last)
                followed.track.drop_pictures()
            elif at >= followed.look:
                passages += self._look(followed, moment)
                # What is not fit to be told yet is looked at ever less often: votes cost time.
                seldom = max(at - followed.track.first, _OFTEN_S)
                followed.look = at + (_OFTEN_S if at < followed.latest else seldom)
        self._bound_pictures()
        return [*passages, *self._forget(moment)]

    def _after(self, times: float, at: float) -> float:
        """So many times the delay after *at*, when a plate was read first."""
        return math.inf if self.settings.delay == "gone" else at + times * self.settings.delay

    def close(self) -> list[Passage]:
        """The source has ended: the passages that have not been told, and those that are over now."""
        if self._latest is None:
            return []
        passages = self._end(list(self._followed), self._latest)
        return [*passages, *self._forget(self._latest, all_of_them=True)]

    def _misread(self, t: int, sighting: Sighting, matched: dict[int, int]) -> list[_Followed]:
        """Younger tracks in the very place where track *t* is seen again: it was this plate all the time.

        Two plates cannot be in one place by turns, unless one of them has moved there and away.
        """
        me, others = self._followed[t], []
        for u, other in enumerate(self._followed):
            track = other.track
            if u == t or u in matched or track.first <= me.track.last or not track.stayed:
                continue
            here, there = sighting.outline, track.outline
            same = here is None and there is None
            if same or (here is not None and there is not None and iou(here, there) >= OVERLAP):
                me.track.absorb(track)
                me.told = me.told or other.told
                others.append(other)
        return others

    def _end(self, over: list[_Followed], moment: Moment) -> list[Passage]:
        """Stop following *over*, tell what has not been told."""
        passages: list[Passage] = []
        for followed in over:
            if followed.told is None:
                passages += self._look(followed, moment, over=True)
            elif followed.track.tally.readings:
                told, result = followed.told, vote(followed.track.tally.ballots)
                told.last = max(told.last, followed.track.last)
                if chosen := self._choose(result):
                    told.texts = (told.texts[0], chosen[0])
                    told.event = self._event(followed.track, told, result, *chosen, moment)
                told.earlier += followed.track.tally.readings
        self._followed = [f for f in self._followed if f not in over]
        return passages

    def _look(self, followed: _Followed, moment: Moment, *, over: bool = False) -> list[Passage]:
        """Tell the passage of *followed* if it is fit to be told and has not been told."""
        track, asked = followed.track, self.settings
        if track.outline is not None and track.widest < asked.min_width:
            return []
        result = vote(track.tally.ballots) if track.tally.readings else NOTHING
        text, confidence = self._choose(result) or ("", 0.0)
        if text and confidence < DOUBT and not over and moment.monotonic < followed.latest:
            return []
        agreed = result.agreeing >= asked.readings or track.surest >= asked.sure
        # Lettering is read like a plate now and then, a plate nearly always or nearly never.
        agreed = agreed and (track.certain or 2 * result.agreeing >= track.sightings)
        if not text or not agreed or confidence < asked.min_confidence:
            waited = over or moment.monotonic - track.first >= UNREAD_S
            if not (self._unread and waited and track.sightings >= self._unread and track.certain):
                return []
            text, confidence = "", 0.0
        for told in self._told:
            if moment.monotonic - told.last <= asked.memory and self._again(told, track, text):
                followed.told = told
                told.first, told.last = min(told.first, track.first), max(told.last, track.last)
                if over:
                    told.earlier += track.tally.readings
                return []
        if not self._filters.is_wanted(text):
            return []
        best = track.best
        told = _Told(
            identity=self._identity(),
            texts=(text,),
            place=track.outline if track.stayed else None,
            first=track.first,
            last=track.last,
        )
        told.event = event = self._event(track, told, result, text, confidence, moment)
        followed.told = told
        self._told.append(told)
        if over:
            told.earlier = track.tally.readings
        track.drop_pictures()
        return [Passage(event=event, frame=best.frame if best else None, crop=best.crop if best else None)]

    def _again(self, told: _Told, track: Track, text: str) -> bool:
        """Whether *track* is the passage that was *told*, by its text, or without one by where it stands."""
        if not text:
            here, there = track.outline if track.stayed else None, told.place
            return told.last <= track.first and bool(here and there and iou(here, there) >= OVERLAP)
        known = [one for one in told.texts if one]
        # The very same text twice in a picture is a reflection, or a track that was torn.
        if text in known:
            return True
        most = self.settings.same_passage
        return told.last <= track.first and any(distance(text, one, most) <= most for one in known)

    def _choose(self, result: Vote) -> tuple[str, float] | None:
        """The voted text, or the heaviest other one, that fits pattern and grammar; and its confidence."""
        candidates = [(result.text, result.confidence)]
        candidates += [(other.text, other.confidence) for other in result.alternatives]
        return next((one for one in candidates if self._filters.is_plate(one[0])), None)

    def _event(
        self,
        track: Track,
        told: _Told,
        result: Vote,
        text: str,
        confidence: float,
        moment: Moment,
    ) -> Event:
        voted = text == result.text
        others = [(other.text, other.weight) for other in result.alternatives if other.text != text]
        if result.text and not text:
            # Nothing that can be trusted: what it might be stands beside.
            others.insert(0, (result.text, result.confidence))
        best = track.best
        outline = best.outline if best else None
        return Event(
            id=told.identity,
            complete=False,
            text=text,
            confidence=confidence,
            # Of a text that was not voted for, only the whole is known.
            character_confidences=result.character_confidences
            if voted
            else (confidence ** (1 / max(len(text), 1)),) * len(text),
            alternatives=tuple(OtherText(other, min(weight, 1.0)) for other, weight in others),
            listed=self._filters.allow.find(text),
            readings=told.earlier + track.tally.readings,
            first_seen=moment.at(told.first),
            last_seen=moment.at(told.last),
            duration_s=told.last - told.first,
            clock_synchronized=moment.synchronized,
            direction=track.direction,
            source=best.source if best else "",
            corners=outline.points if outline else None,
            width=outline.width if outline else None,
        )

    def _forget(self, moment: Moment, *, all_of_them: bool = False) -> list[Passage]:
        """Passages that are over by now, to be told again where the user asks for that."""
        live = {id(f.told) for f in self._followed}
        kept: list[_Told] = []
        over: list[_Told] = []
        for told in sorted(self._told, key=lambda told: told.last):
            gone = id(told) not in live and moment.monotonic - told.last > self.settings.memory
            (over if gone or all_of_them else kept).append(told)
        over += kept[: max(len(kept) - MOST_PASSAGES, 0)]
        self._told = kept[-MOST_PASSAGES:]
        if not self.settings.closing:
            return []
        return [passage for told in over for passage in _closing(told, moment)]

    def _bound_pictures(self) -> None:
        """Give up frames, then crops, the longest unseen plate's first, until the others fit."""
        room = self.settings.picture_bytes
        counted: set[int] = set()
        for followed in reversed(self._followed):
            best = followed.track.best
            if best is None:
                continue
            crop = best.crop
            if crop is not None and id(crop) not in counted:
                if crop.nbytes <= room:
                    room -= crop.nbytes
                    counted.add(id(crop))
                else:
                    crop = None
            frame = best.frame
            if frame is not None and id(frame) not in counted:
                # Plates of one frame share it.
                if frame.nbytes <= room:
                    room -= frame.nbytes
                    counted.add(id(frame))
                else:
                    frame = None
            if frame is not best.frame or crop is not best.crop:
                followed.track.best = replace(best, frame=frame, crop=crop)


def _distinct(sightings: list[Sighting]) -> list[Sighting]:
    """Without those that lie in the place of a surer one."""
    kept: list[Sighting] = []
    for one in sightings:
        here = one.outline
        if not any(
            here is not None and other.outline is not None and iou(here, other.outline) > 0.5
            for other in kept
        ):
            kept.append(one)
    return kept


def _closing(told: _Told, moment: Moment) -> list[Passage]:
    """A passage that is over, without pictures."""
    if told.event is None:
        return []
    event = msgspec.structs.replace(
        told.event,
        complete=True,
        readings=told.earlier,
        first_seen=moment.at(told.first),
        last_seen=moment.at(told.last),
        duration_s=told.last - told.first,
        clock_synchronized=moment.synchronized,
    )
    return [Passage(event=event, frame=None, crop=None)]
