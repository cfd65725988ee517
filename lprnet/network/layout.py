"""LPRNet in somebody's table of tensors, whatever its layers are called, as a state dict of `LPRNet` here.

Layers are recognized by their order and shapes, as names differ: behind prefixes, with or without dropout in
between, with a bare `container`. What a state dict does not say is taken to be as published: strides, pools,
where a BatchNorm stands, and contexts f / mean(f²).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from device_runtime.errors import FatalError
from lprnet.network.archive import Archive
from lprnet.network.model import CONTAINER, LAYERS, Layer, LPRNet, kept_channels

PREFERRED = ("net", "state_dict", "model", "model_state_dict", "lprnet", "weights", "params")
"""What a table of weights is called, the likelier first; others beside it are averages or optimizers."""
_FIRST = "backbone.0.weight"
_STN = re.compile(r"(stn|stnet|spatial_?trans\w*|locali[sz]ation|fc_?loc|loc_?net|tps\w*|theta)\d*", re.I)
_SHIFT = re.compile("beta|bias|shift|offset", re.I)
_TRAINING = re.compile(r"(optim|sched|lr_|ema|scaler|hyper_|loops|callbacks)", re.I)
"""What an outermost table has beside the network: an optimizer's tensors and the like."""
_HEAD = Layer(name="container", conv=CONTAINER)
_POOLED = {"block1.expand": 2, "block3.expand": 4}
"""Layers of whose channels the published pool keeps every second and every fourth."""
_IDENTITY = {"weight": 1.0, "bias": 0.0, "running_mean": 0.0, "running_var": 1.0 - 1e-5}
"""A BatchNorm that changes nothing, with the default epsilon."""
_TODO = "only LPRNet as published, of any widths, can be imported"


@dataclass(frozen=True)
class Layout:
    """LPRNet as found.

    Attributes:
        state: a state dict of `LPRNet`; the first convolution reads one channel or three.
        notes: what was done to it, in words.
    """

    state: dict[str, Tensor]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Module:
    """Tensors whose names differ in their last part."""

    name: str
    tensors: Mapping[str, Tensor]

    @property
    def is_conv(self) -> bool:
        weight = self.tensors.get("weight")
        return weight is not None and weight.ndim == 4

    @property
    def is_norm(self) -> bool:
        return "running_mean" in self.tensors

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.tensors["weight"].shape)


def find_lprnet(source: str, archive: Archive) -> Layout:
    """The one LPRNet in *archive*, of the file *source*.

    Raises:
        FatalError: there is none, there are several, or it differs from the published one; it names how.
    """
    where, tensors, notes = _choose(source, archive)
    modules, loose = _modules(tensors)
    convs, norms = _matched(source, modules)
    _check_channels(source, convs)
    state = _state(convs, norms)
    sizes = [len(state[f"{layer.conv}.weight"]) for layer in LAYERS if layer.context]
    if loose:
        state |= _folded(source, state, loose, sizes)
        notes.append(f"context scales {', '.join(loose)} folded into the container")
    for name, stride in _POOLED.items():
        state |= _pooled_as_here(state, name, stride)
    if where:
        notes.insert(0, f"weights under {where}")
    return Layout(state, tuple(notes))


def natural(name: str) -> tuple[tuple[bool, int, str], ...]:
    """A key by which `backbone.4` comes before `backbone.11`."""
    parts = re.split(r"(\d+)", name)
    return tuple((not part.isdigit(), int(part) if part.isdigit() else 0, part) for part in parts)


def _choose(source: str, archive: Archive) -> tuple[str, dict[str, Tensor], list[str]]:
    """The network's prefix, its tensors without that, in order, and what is to be said."""
    flat = {
        ".".join((*where, name)): tensor
        for where, table in archive.tables.items()
        for name, tensor in table.items()
    }
    _refuse_transformer(source, flat)
    tables = {".".join(where): table for where, table in archive.tables.items()}
    named = [name.removesuffix(_FIRST) for name in flat if name.endswith(f".{_FIRST}") or name == _FIRST]
    if named:
        prefix, others = _preferred(source, named)
        inner = tuple(other for other in others if other.startswith(prefix))
        tensors = {
            n.removeprefix(prefix): t
            for n, t in flat.items()
            if n.startswith(prefix) and not n.startswith(inner)
        }
        # Other tables may hold an optimizer's tensors; in this one everything has to be the network's.
        home = max(
            (table for table in tables if f"{prefix}{_FIRST}".startswith(f"{table}." if table else "")),
            key=len,
        )
        full = {f"{home}.{name}".lstrip("."): t for name, t in tables[home].items() if t.ndim > 1}
        beside = [name for name in full if not name.startswith((prefix, *others))]
        if beside:
            raise _differs(source, f"has {len(beside)} tensors beside LPRNet's, first {beside[0]}")
        tensors = {n: t for n, t in tensors.items() if not _TRAINING.match(n)}
        tensors = dict(sorted(tensors.items(), key=lambda item: natural(item[0])))
    else:
        likely = [
            f"{where}." if where else "" for where, t in tables.items() if _convolutions(t) >= len(LAYERS)
        ]
        if not likely:
            most = max(tables.values(), key=_convolutions)
            raise _differs(source, f"has {_convolutions(most)} convolutions, not {len(LAYERS) + 1}")
        prefix, others = _preferred(source, likely)
        tensors = tables[prefix.removesuffix(".")]
        if not archive.in_order:
            tensors = dict(sorted(tensors.items(), key=lambda item: natural(item[0])))
    notes = [f"left out: {', '.join(p.removesuffix('.') for p in others)}"] if others else []
    return prefix.removesuffix("."), tensors, notes


def _convolutions(table: Mapping[str, Tensor]) -> int:
    return sum(t.ndim == 4 for t in table.values())


def _preferred(source: str, prefixes: Sequence[str]) -> tuple[str, list[str]]:
    """The likeliest of *prefixes*, and the others."""

    def rank(prefix: str) -> list[int]:
        parts = prefix.lower().split(".")[:-1]
        return [PREFERRED.index(part) if part in PREFERRED else len(PREFERRED) for part in parts]

    ordered = sorted(prefixes, key=rank)
    if len(ordered) > 1 and rank(ordered[0]) == rank(ordered[1]):
        names = " and ".join(p.removesuffix(".") or "its outermost table" for p in ordered[:2])
        raise FatalError(source, f"holds several networks: {names}", "save the one to import alone")
    return ordered[0], ordered[1:]


def _refuse_transformer(source: str, flat: Mapping[str, Tensor]) -> None:
    parts = [
        name
        for name, t in flat.items()
        if t.ndim > 1 and any(_STN.fullmatch(part) for part in name.split("."))
    ]
    if parts:
        raise FatalError(
            source,
            f"has a spatial transformer (STN) in front of LPRNet: {len(parts)} layers, first {parts[0]}",
            "save LPRNet's own weights without it, and train on with lprnet finetune: "
            "what finds plates here has straightened them already",
        )


def _modules(tensors: Mapping[str, Tensor]) -> tuple[list[_Module], dict[str, Tensor]]:
    """Layers in order, and single tensors that belong to none."""
    groups: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        group, _, part = name.rpartition(".")
        groups.setdefault(group, {})[part] = tensor
    modules: list[_Module] = []
    loose: dict[str, Tensor] = {}
    for name, parts in groups.items():
        module = _Module(name, parts)
        if module.is_conv or module.is_norm or {"weight", "bias"} <= parts.keys():
            modules.append(module)
        else:
            loose |= {f"{name}.{part}".lstrip("."): t for part, t in parts.items() if t.is_floating_point()}
    return modules, loose


def _matched(source: str, modules: Sequence[_Module]) -> tuple[dict[str, _Module], dict[str, _Module]]:
    """Convolutions by the layer's name, `container` the last, and BatchNorms behind them."""
    kernels = dict(_kernels())
    convs: dict[str, _Module] = {}
    norms: dict[str, _Module] = {}
    rest = iter(modules)
    module = next(rest, None)
    last = "the image"
    for layer in (*LAYERS, _HEAD):
        if module is None:
            raise _differs(source, f"ends behind {last}, without {layer.name}")
        _refuse_more(source, module)
        if not module.is_conv:
            raise _differs(source, f"has {_in_words(module)} behind {last}")
        kernel, expected = module.shape[2:], kernels[layer.name]
        if kernel != expected:
            raise _differs(source, _other_kernel(module, layer.name, kernel, expected))
        convs[layer.name] = module
        last = f"{layer.name} ({module.name})"
        module = next(rest, None)
        if layer.norm and module is not None and module.is_norm:
            _refuse_more(source, module)
            norms[layer.name] = module
            module = next(rest, None)
    if module is not None:
        raise _differs(source, f"has {_in_words(module)} behind {last}")
    return convs, norms


def _refuse_more(source: str, module: _Module) -> None:
    """Such as the factors of quantized or normalized weights."""
    if more := module.tensors.keys() - {*_IDENTITY, "num_batches_tracked"}:
        raise _differs(source, f"has a parameter that LPRNet has not, {module.name}.{min(more)}")


def _kernels() -> Iterator[tuple[str, tuple[int, ...]]]:
    with torch.device("meta"):
        published = LPRNet(2).state_dict()
    for layer in (*LAYERS, _HEAD):
        yield layer.name, tuple(published[f"{layer.conv}.weight"].shape[2:])


def _in_words(module: _Module) -> str:
    if module.is_norm:
        return f"a BatchNorm ({module.name})"
    kind = "a convolution" if module.is_conv else f"a layer with weights {list(module.shape)}"
    return f"{kind} ({module.name})"


def _other_kernel(module: _Module, layer: str, kernel: Sequence[int], expected: Sequence[int]) -> str:
    size = f"{kernel[0]}×{kernel[1]} where {layer} is {expected[0]}×{expected[1]}"
    if layer == "tall" and kernel[1] == expected[1]:
        height = kernel[0] + 24 - expected[0]
        return f"its {module.name} is {size}: for images {height} px high; the kernels here take 94×24"
    return f"its {module.name} is {size}"


def _check_channels(source: str, convs: Mapping[str, _Module]) -> None:
    before = None
    for layer in LAYERS:
        module = convs[layer.name]
        out, reads = module.shape[:2]
        if before is None:
            if reads not in (1, 3):
                raise _differs(source, f"its {module.name} reads {reads} channels, not 3 or 1")
        elif reads > before or (reads != before and layer.name not in ("block2.reduce", "wide")):
            raise _differs(source, f"its {module.name} ({layer.name}) reads {reads} channels of {before}")
        before = out
    contexts = [convs[layer.name].shape[0] for layer in LAYERS if layer.context]
    reads = convs[_HEAD.name].shape[1]
    if reads != sum(contexts):
        sizes = " + ".join(map(str, contexts))
        raise _differs(
            source, f"its container reads {reads} channels, not its contexts' {sum(contexts)} ({sizes})"
        )


def _state(convs: Mapping[str, _Module], norms: Mapping[str, _Module]) -> dict[str, Tensor]:
    """The state dict; a bias or a BatchNorm that is not there gets one that changes nothing."""
    state: dict[str, Tensor] = {}
    for layer in (*LAYERS, _HEAD):
        tensors = convs[layer.name].tensors
        size = len(tensors["weight"])
        state[f"{layer.conv}.weight"] = tensors["weight"]
        state[f"{layer.conv}.bias"] = tensors.get("bias", torch.zeros(size))
        if layer.norm:
            norm = norms[layer.name].tensors if layer.name in norms else {}
            for part, value in _IDENTITY.items():
                # Statistics without weights are those of a BatchNorm that has learnt none.
                neutral = 1.0 if part == "running_var" and norm else value
                state[f"{layer.norm}.{part}"] = norm.get(part, torch.full((size,), neutral))
            state[f"{layer.norm}.num_batches_tracked"] = norm.get("num_batches_tracked", torch.tensor(0))
    with torch.device("meta"):
        order = LPRNet(2).state_dict()
    return {name: state[name] for name in order}


def _folded(
    source: str, state: Mapping[str, Tensor], loose: Mapping[str, Tensor], sizes: Sequence[int]
) -> dict[str, Tensor]:
    """The container that reads contexts · scale + shift, where *loose* has these for the four contexts."""
    shifts = {name: t for name, t in loose.items() if _SHIFT.search(name)} if len(loose) > 4 else {}
    scale = _per_channel([t for name, t in loose.items() if name not in shifts], sizes)
    shift = _per_channel(list(shifts.values()), sizes) if shifts else torch.zeros(sum(sizes))
    if scale is None or shift is None:
        name, tensor = next(iter(loose.items()))
        many = f"{len(loose)} parameters" if len(loose) > 1 else "a parameter"
        raise _differs(source, f"has {many} that LPRNet has not, first {name} {list(tensor.shape)}")
    weight, bias = (state[f"{CONTAINER}.{part}"].double() for part in ("weight", "bias"))
    return {
        f"{CONTAINER}.weight": (weight * scale.double()[None, :, None, None]).float(),
        f"{CONTAINER}.bias": (bias + weight[:, :, 0, 0] @ shift.double()).float(),
    }


def _per_channel(values: Sequence[Tensor], sizes: Sequence[int]) -> Tensor | None:
    """A number for every channel of all contexts: given for each, for each context, or one for all."""
    flat = [value.reshape(-1) for value in values]
    if len(flat) == 1 and len(flat[0]) in (1, len(sizes), sum(sizes)):
        (one,) = flat
        if len(one) == sum(sizes):
            return one
        flat = [one] * len(sizes) if len(one) == 1 else list(one.split(1))
    if len(flat) != len(sizes) or any(len(v) not in (1, n) for v, n in zip(flat, sizes, strict=True)):
        return None
    return torch.cat([v.expand(n) for v, n in zip(flat, sizes, strict=True)])


def _pooled_as_here(state: Mapping[str, Tensor], name: str, stride: int) -> dict[str, Tensor]:
    """Channels of layer *name* in an order in which `kept_channels` keeps those that the published pool does.

    They differ where the channels are no multiple of the pool's stride.
    """
    index = next(i for i, layer in enumerate(LAYERS) if layer.name == name)
    layer, reader = LAYERS[index : index + 2]
    channels = len(state[f"{layer.conv}.weight"])
    kept = state[f"{reader.conv}.weight"].shape[1]
    theirs = list(range(0, channels, stride))
    ours = list(range(channels))[kept_channels(channels, kept)]
    if len(theirs) != kept or theirs == ours:
        return {}
    order = torch.empty(channels, dtype=torch.long)
    order[ours] = torch.tensor(theirs)
    order[sorted({*range(channels)} - {*ours})] = torch.tensor(sorted({*range(channels)} - {*theirs}))
    changed = {key: tensor[order] for key, tensor in state.items() if layer.owns(key) and tensor.ndim > 0}
    start = sum(len(state[f"{before.conv}.weight"]) for before in LAYERS[:index] if before.context)
    container = state[f"{CONTAINER}.weight"].clone()
    container[:, start : start + channels] = container[:, start + order]
    return changed | {f"{CONTAINER}.weight": container}


def _differs(source: str, how: str) -> FatalError:
    return FatalError(source, how, _TODO)
