"""How many plates were read right."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec


class Accuracy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whole plates right, of `n`; `accuracy_without_province` ignores the first character."""

    n: int
    correct: int
    accuracy: float
    accuracy_without_province: float


@dataclass
class Tally:
    """Counts plates as they are read."""

    n: int = 0
    correct: int = 0
    correct_without_province: int = 0

    def add(self, plate: str, truth: str) -> None:
        self.n += 1
        self.correct += plate == truth
        self.correct_without_province += plate[1:] == truth[1:]

    def accuracy(self) -> Accuracy | None:
        """None where nothing was counted."""
        if not self.n:
            return None
        return Accuracy(self.n, self.correct, self.correct / self.n, self.correct_without_province / self.n)
