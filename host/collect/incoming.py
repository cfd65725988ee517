"""A batch of items as a board posts it, checked: items to store, and those that never will be, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from device_runtime.delivery.item import ITEM_VERSION, Uuid
from device_runtime.delivery.post import Refusal
from device_runtime.errors import FatalError
from host.store.received import Received, received

MOST_ITEMS = 1000
"""In one batch; boards send 100."""

_NOT_JSON = (msgspec.MsgspecError, RecursionError, UnicodeDecodeError)


class Malformed(Exception):
    """It is no batch of items; as text, what is wrong and where."""


class Newer(Exception):
    """An item of a version that is not known here yet: whoever holds it had better keep it."""


@dataclass(frozen=True)
class Batch:
    """The items of one request, in its order.

    Attributes:
        items: to be stored.
        refused: will never be stored.
        later: of a newer version than this host's: neither stored now, nor to be dropped.
    """

    items: tuple[Received, ...]
    refused: tuple[Refusal, ...] = ()
    later: tuple[Refusal, ...] = ()


class _Envelope(msgspec.Struct):
    items: list[msgspec.Raw]


class _Named(msgspec.Struct):
    id: Uuid = ""


_ENVELOPE = msgspec.json.Decoder(_Envelope)
_NAMED = msgspec.json.Decoder(_Named)
_OBJECT = msgspec.json.Decoder(dict[str, Any])


def decode_batch(body: bytes) -> Batch:
    """The batch in *body*, `{"items": [item, …]}`.

    Raises:
        Malformed: it is none.
    """
    try:
        raws = _ENVELOPE.decode(body).items
    except _NOT_JSON as error:
        raise Malformed(f'the body is not {{"items": [item, …]}} ({error})') from None
    if len(raws) > MOST_ITEMS:
        raise Malformed(f"items: {len(raws)} are too many, send {MOST_ITEMS} at most")
    items: list[Received] = []
    refused: list[Refusal] = []
    later: list[Refusal] = []
    for index, raw in enumerate(raws):
        data = bytes(raw)
        try:
            items.append(decode_one(data, f"items[{index}]"))
        except Newer as error:
            later.append(Refusal(id=id_of(data), why=str(error)))
        except FatalError as error:
            refused.append(Refusal(id=id_of(data), why=f"{error.what}: {error.why}"))
    return Batch(tuple(items), tuple(refused), tuple(later))


def decode_one(data: bytes, source: str) -> Received:
    """The item in *data*, fit to be stored.

    Args:
        data: UTF-8 JSON.
        source: what to name in an error.

    Raises:
        Newer: it is of a newer version.
        FatalError: it is none, or its body is not what its kind says, naming *source*, key and bad value.
    """
    try:
        return received(data, source)
    except FatalError:
        version = _version(data)
        if version > ITEM_VERSION:
            raise Newer(f"{source}: is of version {version}, newer than this host; update lpr-host") from None
        raise


def id_of(data: bytes) -> str:
    """The id of the item in *data*; empty where it has none that is a UUID."""
    try:
        return _NAMED.decode(data).id
    except _NOT_JSON:
        return ""


def _version(data: bytes) -> int:
    try:
        version = _OBJECT.decode(data).get("item_version")
    except _NOT_JSON:
        return 0
    return version if type(version) is int else 0
