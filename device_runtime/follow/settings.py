"""What a user can adjust about events, every key checked."""

from __future__ import annotations

import re
import warnings
from typing import Annotated, Any, Literal

import msgspec

from device_runtime.follow.look_alike import MOST_CHARACTERS, normalised
from device_runtime.schema import Strict, from_table

MOST_ENTRIES = 10_000
"""Of a list."""

Share = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
Seconds = Annotated[float, msgspec.Meta(ge=0.0, le=86400.0)]
Pixels = Annotated[float, msgspec.Meta(ge=-1e5, le=1e5)]
Distance = Annotated[float, msgspec.Meta(ge=0.0, le=8.0)]
Entries = Annotated[
    tuple[Annotated[str, msgspec.Meta(max_length=4 * MOST_CHARACTERS)], ...],
    msgspec.Meta(max_length=MOST_ENTRIES),
]


class Settings(Strict, frozen=True, kw_only=True):
    """How plates are followed, and which passages are told.

    Attributes:
        delay: seconds after its first reading when a passage is told, with what is known by then; "gone"
            waits until the plate is. Longer is surer and knows more of the direction. A text in doubt waits
            up to three times as long, for better frames.
        closing: tell a passage again, `complete` and with the same id, when it is over.
        patience: seconds a plate may be missing and still be followed.
        memory: seconds after which a text that is seen again is another passage.
        same_plate: look-alike distance up to which readings in one place are of one plate.
        same_passage: look-alike distance up to which a text seen again within `memory` is the same passage.
        readings: as many must agree, within one character, ...
        sure: ... or one must be so confident.
        unread: a plate that nobody could read is told, without a text, if so many frames show it; 0: never.
        min_confidence: of the vote.
        min_width: px, of the plate where it was seen best.
        pattern: regular expression that the whole text fits, without blanks and dashes, in capitals.
        grammar: whether the text must fit the bundle's plate grammar.
        allow: unless empty, only these plates are told.
        deny: these never are.
        list_distance: look-alike distance up to which a text is one of a list.
        line: x1, y1, x2, y2 in px; whether a plate crosses it, and which way, is told.
        picture_bytes: of the best frames and crops of all plates that are being followed.

    Raises:
        ValueError: the pattern is none or could take for ever, the line has no length, an entry no character.
    """

    delay: Seconds | Literal["gone"] = 2.0
    closing: bool = False
    patience: Annotated[float, msgspec.Meta(gt=0.0, le=60.0)] = 2.0
    memory: Seconds = 300.0
    same_plate: Distance = 2.0
    same_passage: Distance = 1.0
    readings: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 2
    sure: Share = 0.9
    unread: Annotated[int, msgspec.Meta(ge=0, le=1000)] = 4
    min_confidence: Share = 0.0
    min_width: Annotated[float, msgspec.Meta(ge=0.0, le=1e5)] = 0.0
    pattern: Annotated[str, msgspec.Meta(max_length=256)] | None = None
    grammar: bool = False
    allow: Entries = ()
    deny: Entries = ()
    list_distance: Distance = 0.0
    line: tuple[Pixels, Pixels, Pixels, Pixels] | None = None
    picture_bytes: Annotated[int, msgspec.Meta(ge=0, le=1 << 40)] = 64 << 20

    def __post_init__(self) -> None:
        if self.pattern is not None:
            check_pattern(self.pattern)
        if self.line is not None and self.line[:2] == self.line[2:]:
            raise ValueError("line begins where it ends")
        for name, entries in (("allow", self.allow), ("deny", self.deny)):
            for entry in entries:
                if not normalised(entry):
                    raise ValueError(f"{name} has an entry without a letter or digit, {entry!r}")


def settings_from(raw: Any, source: str) -> Settings:
    """Check *raw*, a table as of a TOML file; *source* is named in an error.

    Raises:
        FatalError: a key is unknown or its value not allowed.
    """
    return from_table(Settings, raw, source, todo="correct it; docs/events.md says what there is")


def check_pattern(pattern: str) -> None:
    """Refuse what is no regular expression, and what could backtrack for ever, e.g. `(A+)+`.

    Raises:
        ValueError: saying which.
    """
    try:
        with warnings.catch_warnings():
            # Of what a later Python may read otherwise, in two lines on standard error.
            warnings.simplefilter("ignore", FutureWarning)
            re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"pattern is no regular expression ({error})") from None
    # Escapes and classes are single characters here.
    shape = re.sub(r"\[\^?\]?(?:\\.|[^\]\\])*\]|\\.", "x", pattern)
    shape = shape.replace("(?", "(")
    branching: list[bool] = [False]
    for i, character in enumerate(shape):
        after = shape[i + 1 : i + 2]
        if character == "(":
            branching.append(False)
        elif character == ")" and len(branching) > 1:
            inner = branching.pop()
            if inner and after in ("*", "+", "{"):
                raise ValueError("pattern repeats a group that repeats or chooses itself; write it without")
            branching[-1] |= inner
        elif character in "*+{|":
            branching[-1] = True
    if sum(shape.count(c) for c in "*+{") > 8:
        raise ValueError("pattern repeats more than 8 times; write it with fewer of * + {")
