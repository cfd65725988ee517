"""Size against speed: which bundles no other one beats in both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from device_runtime.report.report import Report
from host.show.chart import Axis, Chart, Point, Points
from host.show.table import Table


@dataclass(frozen=True)
class Sized:
    """A run's bundle: bytes of its module, median of an inference in ms, accuracy where it is known."""

    name: str
    model_bytes: int
    infer_ms: float
    accuracy: float | None


def sized(reports: Sequence[Report], labels: Sequence[str]) -> list[Sized]:
    """One for each report that has inferences."""
    return [
        Sized(
            label,
            report.bundle.model_bytes,
            report.stages["infer"].p50_ms,
            report.accuracy.accuracy if report.accuracy else None,
        )
        for report, label in zip(reports, labels, strict=True)
        if "infer" in report.stages
    ]


def best(bundles: Sequence[Sized]) -> list[bool]:
    """For each whether none is as small and as fast, and smaller or faster: the Pareto front."""
    return [
        not any(
            other.model_bytes <= one.model_bytes
            and other.infer_ms <= one.infer_ms
            and (other.model_bytes, other.infer_ms) != (one.model_bytes, one.infer_ms)
            for other in bundles
        )
        for one in bundles
    ]


def pareto(bundles: Sequence[Sized]) -> Chart:
    """Size against speed of at least one bundle."""
    front = best(bundles)
    leading = [bundle.name for bundle, leads in zip(bundles, front, strict=True) if leads]
    return Chart(
        name="size",
        title="Size against speed",
        summary="Further left is smaller, further down is faster; less is better in both. "
        f"Beaten by no other in both: {'; '.join(leading)}.",
        drawing=Points(
            x_axis=Axis(label="model, MB, logarithmic", scale="log"),
            y_axis=Axis(label="inference, median, ms, logarithmic", scale="log"),
            points=[
                Point(
                    name=bundle.name,
                    color=i,
                    x=bundle.model_bytes / 1e6,
                    y=bundle.infer_ms,
                    best=leads,
                    says=f"{bundle.model_bytes / 1e6:.3g} MB, {bundle.infer_ms:.3g} ms",
                )
                for i, (bundle, leads) in enumerate(zip(bundles, front, strict=True))
            ],
        ),
        table=Table(
            caption="Size and speed of each bundle",
            headings=("run", "model, MB", "inference p50, ms", "accuracy", "beaten by none"),
            rows=[
                (
                    bundle.name,
                    f"{bundle.model_bytes / 1e6:.3f}",
                    f"{bundle.infer_ms:.3f}",
                    "–" if bundle.accuracy is None else f"{bundle.accuracy:.3f}",
                    "yes" if leads else "no",
                )
                for bundle, leads in zip(bundles, front, strict=True)
            ],
            words=frozenset({4}),
        ),
        wide=True,
    )
