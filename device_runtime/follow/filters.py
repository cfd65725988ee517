"""Which texts are told."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from device_runtime.follow.look_alike import distance, folded, normalised
from device_runtime.follow.settings import Settings

MOST_MATCHED = 16
"""Characters of a text that a pattern is tried on; a longer text fits none. It bounds backtracking."""


class PlateList:
    """Plates a user has written down, and look-alikes of them.

    Attributes:
        within: look-alike distance up to which a text is one of them.
    """

    def __init__(self, entries: Iterable[str], within: float = 0.0) -> None:
        self.within = within
        self._entries: dict[str, str] = {}
        for entry in entries:
            self._entries.setdefault(folded(entry), entry)

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, text: str) -> str | None:
        """The nearest entry as the user wrote it, the first of equals; None if all are too far."""
        key = folded(text)
        if key in self._entries or not self.within:
            return self._entries.get(key)
        near = [(distance(key, known, self.within), entry) for known, entry in self._entries.items()]
        best = min(near, key=lambda pair: pair[0], default=(self.within + 1, ""))
        return best[1] if best[0] <= self.within else None


@dataclass(frozen=True)
class Filters:
    """What a text must be; see `Settings`.

    Attributes:
        pattern: that all of it fits, or None.
        grammar: says whether a text is a plate, or None.
        allow: the only ones, unless empty.
        deny: never these.
    """

    pattern: re.Pattern[str] | None
    grammar: Callable[[str], bool] | None
    allow: PlateList
    deny: PlateList

    @classmethod
    def of(cls, settings: Settings, grammar: Callable[[str], bool] | None = None) -> Filters:
        """Those that *settings* ask for; *grammar* is the bundle's, e.g. `Grammar.accepts`.

        Raises:
            ValueError: they ask for a grammar, and there is none.
        """
        if settings.grammar and grammar is None:
            raise ValueError("grammar is asked for, and the bundle has none")
        return cls(
            re.compile(settings.pattern) if settings.pattern is not None else None,
            grammar if settings.grammar else None,
            PlateList(settings.allow, settings.list_distance),
            PlateList(settings.deny, settings.list_distance),
        )

    @property
    def any_text(self) -> bool:
        """Whether every text is told, so that none is, too."""
        return self.pattern is None and self.grammar is None and not len(self.allow)

    def is_plate(self, text: str) -> bool:
        """Whether *text* fits pattern and grammar."""
        if self.pattern is not None:
            plain = normalised(text)
            if len(plain) > MOST_MATCHED or not self.pattern.fullmatch(plain):
                return False
        return self.grammar is None or self.grammar(text)

    def is_wanted(self, text: str) -> bool:
        """Whether the lists let *text* pass."""
        return self.deny.find(text) is None and (not len(self.allow) or self.allow.find(text) is not None)
