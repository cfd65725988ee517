"""From an address to a source: pictures by HTTP, or a stream that FFmpeg understands."""

from __future__ import annotations

from functools import partial

from device_runtime.errors import FatalError
from device_runtime.sources.address import Address
from device_runtime.sources.http import open_http
from device_runtime.sources.live import Capture, Live
from device_runtime.sources.settings import SourceSettings
from device_runtime.sources.stream import Stream, StreamCapture


def open_address(address: Address, settings: SourceSettings) -> Live:
    """The source at *address*, with its first frame there.

    Raises:
        FatalError: it does not open.
    """
    stream = Stream(address, settings)
    try:
        first = _connected(address, settings, stream)
    except FatalError:
        stream.close()
        raise
    if isinstance(first, StreamCapture) and first.recorded:
        return Live(
            address.name,
            lambda: first,
            timeout_s=settings.timeout,
            fps=settings.fps,
            live=False,
            reconnects=False,
            recorded=True,
        )
    again = partial(_connected, address, settings, stream)
    ready = [first]
    return Live(
        address.name,
        lambda: ready.pop() if ready else again(),
        timeout_s=settings.timeout,
        fps=settings.fps,
        done=stream.close,
    )


def _connected(address: Address, settings: SourceSettings, stream: Stream) -> Capture:
    if address.scheme in ("http", "https"):
        capture = open_http(address, settings)
        if capture is not None:
            return capture
    return stream.open()
