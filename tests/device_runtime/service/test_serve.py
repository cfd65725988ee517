from __future__ import annotations

import struct
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from device_runtime.errors import FatalError
from device_runtime.read.engine import Engine
from device_runtime.reader import Examined, Examiner
from device_runtime.service.address import Address
from device_runtime.service.answer import answer, prediction
from device_runtime.service.serve import Server
from device_runtime.service.settings import ServeSettings
from device_runtime.sources.image import Image
from tests.device_runtime.networks import by_hand, refine, spots
from tests.device_runtime.results import place, plate
from tests.device_runtime.service.asking import TOKEN, Answer, ask

HERE = Address("127.0.0.1", 0)
STREET = np.full((540, 960, 3), 60, np.uint8)
STREET[300:330, 400:500] = STREET[100:120, 700:760] = 255
FIELDS = {
    *("success", "message", "count", "predictions", "inferenceMs", "processMs", "analysisRoundTripMs"),
    *("moduleId", "moduleName", "command", "executionProvider", "canUseGPU"),
}


def png(image: Image) -> bytes:
    return cv2.imencode(".png", image)[1].tobytes()


def post(server: Server, *parts: tuple[str, bytes], path: str = "/v1/vision/alpr", **headers: str) -> Answer:
    """Ask as a program does that sends a file and some text."""
    body = b"".join(
        b'--b\r\nContent-Disposition: form-data; name="'
        + name.encode()
        + (b'"' if name == "min_confidence" else b'"; filename="x.jpg"\r\nContent-Type: image/jpeg')
        + b"\r\n\r\n"
        + data
        + b"\r\n"
        for name, data in parts
    )
    fields = {"Content-Type": "multipart/form-data; boundary=b", **headers}
    return ask(server.address, path, "POST", fields, body + b"--b--\r\n")


@pytest.fixture(scope="module")
def engine(pristine_bundle: Path) -> Engine:
    return Engine.open(pristine_bundle)


@pytest.fixture
def server(engine: Engine) -> Iterator[Server]:
    started = Server(HERE, lambda: Examiner(engine, by_hand(spots, refine)), environment={})
    yield started
    started.close()


@pytest.mark.parametrize("path", ["/v1/vision/alpr", "/v1/image/alpr"])
@pytest.mark.parametrize("field", ["upload", "image", "whatever"])
def test_an_image_is_answered_as_the_module_would(
    server: Server, engine: Engine, path: str, field: str
) -> None:
    found = post(server, (field, png(STREET)), path=path)
    assert found.status == 200
    told = found.json
    assert set(told) == FIELDS
    assert (told["success"], told["count"], told["moduleName"]) == (True, 2, "License Plate Reader")
    texts = [one.text for one in Examiner(engine, by_hand(spots, refine)).read(STREET)]
    assert [one["plate"] for one in told["predictions"]] == texts
    assert told["message"] == f"Found Plate: {texts[0]}, Plate: {texts[1]}"
    one = told["predictions"][0]
    assert one["label"] == f"Plate: {texts[0]}"
    assert 0 <= one["confidence"] <= 1
    assert all(isinstance(one[key], int) for key in ("x_min", "y_min", "x_max", "y_max"))
    boxes = sorted((p["x_min"], p["y_min"], p["x_max"], p["y_max"]) for p in told["predictions"])
    assert np.abs(np.array(boxes) - [(400, 300, 500, 330), (700, 100, 760, 120)]).max() <= 4
    assert told["processMs"] >= told["inferenceMs"] >= 0


def test_less_sure_plates_are_left_out(server: Server) -> None:
    assert post(server, ("upload", png(STREET)), ("min_confidence", b"0")).json["count"] == 2
    assert post(server, ("upload", png(STREET)), ("min_confidence", b"1.0")).json["count"] == 0
    assert post(server, ("upload", png(STREET)), path="/v1/vision/alpr?min_confidence=1").json["count"] == 0
    none = post(server, ("upload", png(STREET[:50]))).json
    assert (none["success"], none["predictions"], none["message"]) == (True, [], "No plates found")


def bomb(side: int) -> bytes:
    """A small PNG of *side* × *side* pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = zlib.compress(bytes(1 + side) * 200, 9)
    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("parts", "status", "why"),
    [
        ([("upload", b"no image")], 400, "the image is not a readable image"),
        ([("upload", b"")], 400, "the image is empty"),
        ([("upload", bomb(30_000))], 400, "the image has more than 64 Mi pixels"),
        ([("min_confidence", b"0.5")], 400, "the form has no image: name its field upload"),
        ([("upload", b"x"), ("min_confidence", b"much")], 400, "min_confidence is no number from 0 to 1"),
        ([("upload", b"x"), ("min_confidence", b"nan")], 400, "min_confidence is no number from 0 to 1"),
    ],
)
def test_what_cannot_be_answered_is_said(
    server: Server, parts: list[tuple[str, bytes]], status: int, why: str
) -> None:
    found = post(server, *parts)
    assert (found.status, found.json["success"], found.json["error"]) == (status, False, why)
    assert found.json["predictions"] == []
    assert post(server, ("upload", png(STREET))).json["count"] == 2


def test_what_is_no_form_is_refused(server: Server) -> None:
    for content_type in ("image/jpeg", "multipart/form-data; boundary=other", ""):
        found = ask(server.address, "/v1/vision/alpr", "POST", {"Content-Type": content_type}, b"xyz")
        assert (found.status, found.json["error"].split()[:2]) == (400, ["the", "form"])
    assert ask(server.address, "/v1/vision/alpr").status == 405
    assert ask(server.address, "/v1/status/ping").json == {"success": True}


def test_an_image_that_is_too_large_is_refused(engine: Engine) -> None:
    server = Server(HERE, lambda: Examiner(engine), settings=ServeSettings(image_mb=1), environment={})
    try:
        assert post(server, ("upload", bytes(1 << 20))).status == 400
        assert post(server, ("upload", bytes((1 << 20) + 1))).status == 413
        assert post(server, ("upload", bytes(3 << 20))).status == 413
    finally:
        server.close()


class Held(Examiner):
    """A reader that is held up."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.begun, self.go_on = threading.Semaphore(0), threading.Event()

    def examine(self, frame: np.ndarray) -> Examined:
        self.begun.release()
        self.go_on.wait(10)
        return super().examine(frame)


def test_those_who_would_wait_too_long_are_told(engine: Engine) -> None:
    reader = Held(engine)
    server = Server(HERE, lambda: reader, settings=ServeSettings(waiting=1, timeout=0.2), environment={})
    answers: list[Answer] = []
    asked = threading.Thread(target=lambda: answers.append(post(server, ("upload", png(STREET)))))
    try:
        asked.start()
        assert reader.begun.acquire(timeout=10)
        # Its turn does not come in time.
        late = post(server, ("upload", png(STREET)))
        assert (late.status, late.headers["retry-after"]) == (503, "1")
        assert late.json["error"] == "too many images wait already"
        reader.go_on.set()
        asked.join(10)
        # The one that was being read had its answer, though it took longer.
        assert answers[0].status == 200
        assert post(server, ("upload", png(STREET))).status == 200
    finally:
        reader.go_on.set()
        server.close()


def test_a_reader_that_fails_once_reads_on(engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    class Fails(Examiner):
        def examine(self, frame: np.ndarray) -> Examined:
            if frame.max() < 100:
                raise RuntimeError("secret path")
            return super().examine(frame)

    server = Server(HERE, lambda: Fails(engine), environment={})
    try:
        failed = post(server, ("upload", png(STREET // 4)))
        assert (failed.status, failed.json["error"]) == (500, "unable to process the image")
        assert post(server, ("upload", png(STREET))).status == 200
    finally:
        server.close()
    assert "RuntimeError" in caplog.text


def test_a_bundle_that_does_not_open_ends_the_start() -> None:
    def fails() -> Examiner:
        raise FatalError("bundle", "is damaged", "copy it again")

    with pytest.raises(FatalError, match="bundle: is damaged"):
        Server(HERE, fails, environment={})


def test_others_need_the_token(engine: Engine) -> None:
    with pytest.raises(FatalError, match="LPR_SERVE_TOKEN_FILE"):
        Server(Address("0.0.0.0", 0), lambda: Examiner(engine), environment={})
    server = Server(HERE, lambda: Examiner(engine), environment={"LPR_SERVE_TOKEN": TOKEN})
    try:
        assert post(server, ("upload", png(STREET))).status == 401
        assert post(server, ("upload", png(STREET)), Authorization=f"Bearer {TOKEN}").status == 200
    finally:
        server.close()


def test_boxes_stay_within_the_image() -> None:
    image = np.zeros((40, 60, 3), np.uint8)
    outside = place(np.array([[-5.5, -3], [70, 1], [70, 50], [-5, 44]], np.float32))
    assert prediction(plate("A", image, outside), image) == {
        **{"label": "Plate: A", "plate": "A", "confidence": 0.9},
        **{"x_min": 0, "y_min": 0, "x_max": 60, "y_max": 40},
    }
    whole = answer(image, Examined(plates=(plate("A", image),) * 4, unread=(), timings_ms={}), 0, 2.4, 1)
    assert whole["message"] == "Found Plate: A, Plate: A, Plate: A, Plate: A..."
    assert (whole["processMs"], whole["analysisRoundTripMs"]) == (2, 3)
