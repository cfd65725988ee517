"""One runtime in a process of its own: `python -m host.bench.worker CPUS [MASK_LIBRARY]`.

Nothing but the runtime asked for is imported, and that only after the process is confined to its CPUs and,
with MASK_LIBRARY, to the instructions it may see.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from numpy.typing import NDArray

    from host.bench import protocol


def main(arguments: list[str]) -> None:
    """Serve requests from standard input until it closes; replies go to standard output.

    Args:
        arguments: comma-separated CPU numbers, then optionally the library that hides instructions.
    """
    os.sched_setaffinity(0, {int(cpu) for cpu in arguments[0].split(",")})
    if len(arguments) > 1:
        _hide_instructions(arguments[1])
    # Libraries print to file descriptor 1; that must not land between replies.
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    serve(sys.stdin.buffer, replies)


def serve(requests: BinaryIO, replies: BinaryIO) -> None:
    """Answer every request of a stream; a failure is answered too, and ends nothing."""
    from host.bench import protocol

    worker = _Worker()
    while (message := protocol.read_frame(requests)) is not None:
        try:
            reply = worker.answer(protocol.decode_request(message))
        # Whatever a third-party runtime throws becomes the reason in its row.
        except Exception as error:
            reply = protocol.Failed(_one_line(error))
        replies.write(protocol.frame(protocol.encode(reply)))
        replies.flush()


class _Worker:
    def __init__(self) -> None:
        self._session: Callable[[NDArray[Any]], Any] | None = None
        self._as_input: Callable[[NDArray[Any]], NDArray[Any]] | None = None
        self._inputs: tuple[str, list[NDArray[Any]]] = ("", [])

    def answer(self, request: protocol.Request) -> protocol.Reply:
        """Do what *request* asks; raises whatever the runtime raises."""
        from host.bench import protocol

        match request:
            case protocol.Versions():
                return protocol.Installed(_versions(request.distributions))
            case protocol.Convert():
                _convert(request)
            case protocol.Load():
                self._load(request)
            case protocol.Time():
                return protocol.Timed(self._time(request))
            case protocol.Evaluate():
                self._evaluate(request)
            case protocol.Read():
                return self._see(request)
        return protocol.Done()

    def _load(self, request: protocol.Load) -> None:
        from importlib import import_module
        from pathlib import Path

        module = import_module(request.module)
        self._as_input = getattr(module, "as_input", None)
        self._session = module.load(Path(request.folder), request.precision, request.threads)

    def _time(self, request: protocol.Time) -> tuple[int, ...]:
        import gc
        from itertools import cycle
        from time import perf_counter_ns

        session, inputs = self._loaded(), cycle(self._read(request.inputs))
        for _ in range(request.warmup):
            session(next(inputs))
        times = []
        gc.disable()
        for _ in range(request.inferences):
            tensor = next(inputs)
            start = perf_counter_ns()
            session(tensor)
            times.append(perf_counter_ns() - start)
        gc.enable()
        return tuple(times)

    def _evaluate(self, request: protocol.Evaluate) -> None:
        import numpy as np

        session = self._loaded()
        # A runtime may hand out one buffer again and again.
        logits = np.stack([np.array(session(tensor)[0], np.float32) for tensor in self._read(request.inputs)])
        with open(request.output, "wb") as file:  # noqa: PTH123
            np.save(file, logits)

    def _see(self, request: protocol.Read) -> protocol.Seen:
        import numpy as np

        from host.bench import protocol

        session = self._loaded()
        # Mapped, since many frames of a camera would not fit into memory beside their copies.
        frames = np.load(request.frames, mmap_mode="r")
        return protocol.Seen(tuple(tuple(session(np.array(frame))) for frame in frames))

    def _loaded(self) -> Callable[[NDArray[Any]], Any]:
        if self._session is None:
            raise RuntimeError("no model is loaded")
        return self._session

    def _read(self, path: str) -> list[NDArray[Any]]:
        """Tensors float32[1,3,24,94] or frames uint8[H,W,3], each an aligned copy, kept for the next call.

        In the layout that the runtime takes, where its module has `as_input`.
        """
        import numpy as np

        from device_runtime.model.memory import aligned_empty

        if path != self._inputs[0]:
            tensors = []
            for row in np.load(path):
                source = row[None] if self._as_input is None else self._as_input(row[None])
                tensor = aligned_empty(source.shape, source.dtype)
                tensor[:] = source
                tensors.append(tensor)
            self._inputs = path, tensors
        return self._inputs[1]


def _convert(request: protocol.Convert) -> None:
    from importlib import import_module
    from pathlib import Path

    from host.bench.runtimes import ModelSource

    source = ModelSource(
        checkpoint=Path(request.checkpoint),
        calibration=Path(request.calibration),
        isa=request.isa,
        target=request.target,
    )
    module = import_module(request.module)
    module.convert(source, request.precision, Path(request.folder))


def _versions(distributions: tuple[str, ...]) -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for name in distributions:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _hide_instructions(library: str) -> None:
    import ctypes

    if error := ctypes.CDLL(library).mask_cpuid():
        sys.exit(f"cpuid cannot be intercepted: {os.strerror(error)}")


def _one_line(error: Exception) -> str:
    from device_runtime.errors import FatalError

    text = " ".join(str(error).split())[:300]
    return text if isinstance(error, FatalError) else f"{type(error).__name__}: {text}".removesuffix(": ")


if __name__ == "__main__":
    main(sys.argv[1:])
