"""Max pools."""

from __future__ import annotations

from functools import reduce

from tvm import tirx

from host.kernels.emit import WORTH_SHARING, Emitter, Expr, load
from host.kernels.feature_map import FeatureMap


def max_pool(
    symbol: str, source: FeatureMap, target: FeatureMap, stride: int, lanes: int, group: int = 4
) -> tirx.PrimFunc:
    """3×3 max pool with stride (1, *stride*) over the leading channels of *source*.

    Kernel `(source, target)`. *group* outputs of a row share their column maxima.
    """
    e = Emitter()
    data, result = source.param(e, "source"), target.param(e, "target")
    lanes = next(n for n in (lanes, lanes // 2, lanes // 4, 1) if n and target.stored % n == 0)
    target.clear_border(e, result)

    def compute(y: Expr, x: Expr, count: int, channel: Expr) -> None:
        """Write *count* outputs of row *y* from *x* on."""
        columns = []
        for column in range((count - 1) * stride + 3):
            values = [load(data, source.at(y + r, x * stride + column, channel), lanes) for r in range(3)]
            columns.append(e.let("c", reduce(tirx.max, values)))
        for i in range(count):
            value = reduce(tirx.max, columns[i * stride : i * stride + 3])
            e.store_vector(result, value, target.at(y, x + i, channel), lanes)

    vectors = source.height * source.width * target.stored // lanes
    with e.loop(target.height, "y", parallel=vectors > WORTH_SHARING) as y:
        full, rest = divmod(target.width, group)
        with e.loop(target.stored // lanes, "v") as v:
            if full:
                with e.loop(full, "x") as x:
                    compute(y, x * group, group, v * lanes)
            if rest:
                compute(y, full * group, rest, v * lanes)
    return e.func(symbol)
