"""Answers questions about single images over HTTP, as CodeProject.AI's module for license plates does.

    a thread for each connection ── image ──▶ a few that wait ──▶ one thread that reads ── answer ──▶

One thread reads, with a reader of its own, so that a camera that is watched at the same time waits for
nobody. It decodes, too: only one image at a time is in memory as pixels.
"""

from __future__ import annotations

import logging
import math
import os
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as NotInTime
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from queue import Empty, Full, Queue
from typing import Any, ClassVar
from urllib.parse import parse_qs

import msgspec

from device_runtime.errors import FatalError
from device_runtime.reader import Examiner
from device_runtime.service.address import Address, token_for
from device_runtime.service.answer import answer, refusal
from device_runtime.service.multipart import Malformed, Part, parse_form
from device_runtime.service.settings import ServeSettings
from device_runtime.service.web import Handler, Limits, Refused, WebServer
from device_runtime.sinks.sink import Sink
from device_runtime.sources.image import decode_image

log = logging.getLogger(__name__)

TOKEN = "LPR_SERVE_TOKEN"
"""Environment variable of the token; see `read_secret`."""

_FORM_BYTES = 64 << 10
"""What a form takes beside the image."""

_WORK_S = 60.0
"""How long reading one image may take before its asker is told that it failed: no board is that slow."""


@dataclass(frozen=True)
class Question:
    """An image to read.

    Attributes:
        data: as in a file.
        min_confidence: plates that are read with less are not wanted.
        asked: when, by the monotonic clock.
        answer: what the thread that reads makes of it.
    """

    data: bytes
    min_confidence: float
    asked: float = field(default_factory=time.monotonic)
    answer: Future[dict[str, Any]] = field(default_factory=Future)


class Server(Sink):
    """Answers at an address until it is closed.

    Args:
        address: where to listen.
        open_reader: makes a reader; called once, by the thread that reads.
        settings: what it puts up with.
        environment: where the token comes from.

    Raises:
        FatalError: the address cannot be listened at, others can reach it and there is no token, or
            *open_reader* fails.
    """

    def __init__(
        self,
        address: Address,
        open_reader: Callable[[], Examiner],
        *,
        settings: ServeSettings | None = None,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self.settings = settings or ServeSettings()
        self._queue: Queue[Question | None] = Queue(self.settings.waiting)
        self._closed = False
        ready: Future[None] = Future()
        token = token_for(address, "--serve", TOKEN, environment)
        self._thread = threading.Thread(
            target=self._read, args=(open_reader, ready), name="serve", daemon=True
        )
        self._thread.start()
        ready.result()

        class Asked(_Handler):
            asked = self

        # Whoever waits holds an image in memory; a few more may be told that it is too many.
        limits = Limits(
            connections=self.settings.waiting + 4, body_bytes=(self.settings.image_mb << 20) + _FORM_BYTES
        )
        self._server = WebServer(address, Asked, token, limits, "--serve")
        self._server.start()
        log.info("answers at http://%s/v1/vision/alpr", self._server.address)

    @property
    def address(self) -> Address:
        """Where it listens."""
        return self._server.address

    def close(self) -> None:
        """As `Sink.close`."""
        self._closed = True
        self._server.close()
        # Where there is no room it looks after the next question.
        with suppress(Full):
            self._queue.put_nowait(None)
        self._thread.join(0.5)

    def ask(self, data: bytes, min_confidence: float) -> dict[str, Any]:
        """What is read in an image.

        Raises:
            Refused: too many wait, its turn does not come in time, or it is no image.
        """
        question = Question(data, min_confidence)
        try:
            self._queue.put_nowait(question)
        except Full:
            raise _busy() from None
        try:
            return question.answer.result(self.settings.timeout)
        except NotInTime:
            if question.answer.cancel():
                raise _busy() from None
        except CancelledError:
            raise _busy() from None
        # It is being read just now.
        try:
            return question.answer.result(_WORK_S)
        except NotInTime:
            raise _busy() from None

    def _read(self, open_reader: Callable[[], Examiner], ready: Future[None]) -> None:
        try:
            reader = open_reader()
        except BaseException as error:
            ready.set_exception(error)
            return
        ready.set_result(None)
        while not self._closed:
            question = self._queue.get()
            if question is None:
                break
            if not question.answer.set_running_or_notify_cancel():
                continue
            try:
                question.answer.set_result(_answered(reader, question))
            except Refused as refused:
                question.answer.set_exception(refused)
            except Exception as error:
                # Of any kind: the next one may be better.
                log.warning("an image could not be read: %s: %s", type(error).__name__, error)
                why = Refused(HTTPStatus.INTERNAL_SERVER_ERROR, "unable to process the image")
                question.answer.set_exception(why)
        while True:
            try:
                left = self._queue.get_nowait()
            except Empty:
                return
            if left is not None:
                left.answer.cancel()


def _answered(reader: Examiner, question: Question) -> dict[str, Any]:
    began = time.monotonic()
    try:
        image = decode_image(question.data, "image")
        examined = reader.examine(image)
    except FatalError as error:
        raise Refused(HTTPStatus.BAD_REQUEST, f"the image {error.why}") from None
    process_ms, wait_ms = 1e3 * (time.monotonic() - began), 1e3 * (began - question.asked)
    return answer(image, examined, question.min_confidence, process_ms, wait_ms)


def _busy() -> Refused:
    return Refused(HTTPStatus.SERVICE_UNAVAILABLE, "too many images wait already", Retry_After="1")


def image_of(parts: list[Part]) -> bytes:
    """The image of a form: field `upload`, as the module's documentation has it, or `image`, else any file.

    Raises:
        Refused: there is none.
    """
    for name in ("upload", "image"):
        for part in parts:
            if part.name == name:
                return part.data
    for part in parts:
        if part.is_file:
            return part.data
    raise Refused(HTTPStatus.BAD_REQUEST, "the form has no image: name its field upload")


def confidence_of(parts: list[Part], query: str) -> float:
    """The least confidence that is asked for, in the form or in the address; 0 without.

    Raises:
        Refused: it is no number from 0 to 1.
    """
    texts = [part.data.decode("ascii", errors="replace") for part in parts if part.name == "min_confidence"]
    texts += parse_qs(query, max_num_fields=16).get("min_confidence", []) if not texts else []
    if not texts:
        return 0.0
    try:
        value = float(texts[0])
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        raise Refused(HTTPStatus.BAD_REQUEST, "min_confidence is no number from 0 to 1")
    return value


class _Handler(Handler):
    asked: ClassVar[Server]
    gets: ClassVar[Mapping[str, str]] = {"/": "page", "/v1/status/ping": "ping"}
    # The second one is older, and what frigate_plate_recognizer's documentation has.
    posts: ClassVar[Mapping[str, str]] = {"/v1/vision/alpr": "alpr", "/v1/image/alpr": "alpr"}

    def page(self) -> None:
        self.reply(
            b"POST an image to /v1/vision/alpr, as the field upload of a form.\n", "text/plain; charset=utf-8"
        )

    def ping(self) -> None:
        self.reply_json({"success": True})

    def alpr(self) -> None:
        try:
            parts = parse_form(self.body(), self.headers.get("Content-Type", ""))
            least = confidence_of(parts, self.path.partition("?")[2])
        except Malformed as error:
            raise Refused(HTTPStatus.BAD_REQUEST, f"the form {error}") from None
        except ValueError:
            raise Refused(HTTPStatus.BAD_REQUEST, "the address has too many fields") from None
        data = image_of(parts)
        if len(data) > self.asked.settings.image_mb << 20:
            why = f"the image is larger than {self.asked.settings.image_mb} MiB"
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, why)
        del parts
        self.reply_json(self.asked.ask(data, least))

    def reply_refused(self, refused: Refused) -> None:
        """As of the base class, in the form of the module's."""
        body = msgspec.json.encode(refusal(refused.why))
        self.reply(body, "application/json", refused.status, refused.headers)
