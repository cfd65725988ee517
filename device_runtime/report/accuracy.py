"""How many plates were read right."""

from __future__ import annotations

from dataclasses import dataclass

from device_runtime.schema import Tolerant


class Accuracy(Tolerant, frozen=True, kw_only=True):
    """Whole plates read right.

    Attributes:
        n: plates with a label.
        correct: how many of them were read as it says.
        accuracy: the fraction of them.
        accuracy_without_province: the same where the first character does not count.
    """

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
        """Count *plate*, whose label is *truth*."""
        self.n += 1
        self.correct += plate == truth
        self.correct_without_province += plate[1:] == truth[1:]

    def accuracy(self) -> Accuracy | None:
        """What has been counted, or None if nothing."""
        if not self.n:
            return None
        return Accuracy(
            n=self.n,
            correct=self.correct,
            accuracy=self.correct / self.n,
            accuracy_without_province=self.correct_without_province / self.n,
        )
