"""What a precision is: which processors compute in it, and how exactly.

Which instructions then do it is `host.kernels.select`'s question.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Precision:
    """A number format that networks compute in.

    Attributes:
        golden_atol: how far a logit may be off the host's reference; logits reach some tens.
        feature: what a processor needs, named as in `/proc/cpuinfo`; None where any will do.
        arch: of the processors that have `feature`.
    """

    golden_atol: float
    feature: str | None = None
    arch: str | None = None

    def runs_on(self, arch: str, features: Collection[str]) -> bool:
        """Whether a processor of *arch* with *features* computes in it."""
        return self.feature is None or (arch == self.arch and self.feature in features)


PRECISIONS = {
    # The order of additions moves logits of fp32 so far.
    "fp32": Precision(golden_atol=2e-3),
    # Sums are rounded to fp16: 0.2 was the most on 79 plates.
    "fp16": Precision(golden_atol=0.5, arch="aarch64", feature="asimdhp"),
    # Maps are rounded to bfloat16: 0.11 was the most on 60 plates.
    "bf16": Precision(golden_atol=0.5, arch="x86_64", feature="avx512_bf16"),
    # Integers are equal; what follows them is computed in fp32.
    "int8": Precision(golden_atol=2e-3),
}
"""By name."""
