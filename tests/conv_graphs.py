"""Networks of convolutions for tests: untrained, small, and all that a `ConvGraph` can say in them."""

from __future__ import annotations

import numpy as np

from host.network.conv_graph import IMAGE, ConvGraph, Node
from host.network.graph import Conv


def random_graph(*, seed: int = 0, height: int = 32, width: int = 64, area: int | None = None) -> ConvGraph:
    """Strides, two up-sampled maps, maps with several readers, channels that fill no vector.

    image ─ a ─ b ─ c ────────── g ─ p ─ out
            /2  /4  │          │ (up + c)
                    d ──── f ──┘
                    /8   │ (up + d)
                         e /16
    """
    rng = np.random.default_rng(seed)

    def node(
        name: str,
        channels: tuple[int, int],
        source: str,
        *,
        kernel: int = 3,
        stride: int = 1,
        add: str | None = None,
        relu: bool = True,
    ) -> Node:
        inputs, outputs = channels
        fan = inputs * kernel**2 * (255**2 / 8 if source == IMAGE else 1)
        weight = rng.normal(0, (2 / fan) ** 0.5, (outputs, inputs, kernel, kernel)).astype(np.float32)
        bias = rng.normal(0, 0.1, outputs).astype(np.float32)
        pad = kernel // 2
        return Node(Conv(name, weight, bias, (pad, pad), relu, stride), source, add)

    nodes = (
        node("a", (3, 8), IMAGE, stride=2),
        node("b", (8, 24), "a", stride=2),
        node("c", (24, 20), "b"),
        node("d", (20, 40), "c", stride=2),
        node("e", (40, 33), "d", stride=2),
        node("f", (33, 40), "e", kernel=1, add="d"),
        node("g", (40, 20), "f", kernel=1, add="c"),
        node("p", (20, 16), "g"),
        node("out", (16, 11), "p", kernel=1, relu=False),
    )
    return ConvGraph(name="random", nodes=nodes, height=height, width=width, area=area)
