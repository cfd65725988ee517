"""Crops as the locator hands them to the reader, and of what is no plate: training data by chance.

A plate, rendered or a real crop, is put into a small scene, a camera takes it, and it is cut out at corners
that are off by as much as a locator's are (`device_runtime.locate.rectify`). What is no plate has no text, so
that a reader learns to read nothing there.
"""

from __future__ import annotations

import hashlib
from dataclasses import KW_ONLY, dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.random import Generator

from device_runtime.locate.rectify import MARGIN, UPPER, Margin, rectify, rows_apart
from device_runtime.read.preprocess import resize
from lprnet.data.dataset import Sample
from lprnet.plates.kinds import random_two_row
from lprnet.plates.plate import random_plate
from lprnet.plates.shares import Shares
from lprnet.scenes.backdrop import draw_backdrop
from lprnet.scenes.car import draw_car
from lprnet.scenes.distractors import clock, distract
from lprnet.scenes.face import Face
from lprnet.scenes.frames import Frame, recolour
from lprnet.scenes.light import light_plate, take
from lprnet.scenes.placing import stamp, tilted
from lprnet.scenes.scene import Floats, Image, floats, height_of, width_of

NARROWEST, WIDEST = 24.0, 240.0
"""px: widths of plates in a frame."""
TWO_ROWS = ("yellow-double", "trailer-double", "motorcycle", "tractor")
"""Kinds with two rows."""
APART = 0.6
"""Share of those of which a reader is shown one row alone while it is trained."""
NO_MARGIN = Margin(0, 0)
FAINTEST = 5.0
"""Grey levels: deviation of a crop below which nobody sees a plate there."""
LOOSE = (0.0, 0.03, 0.08)
"""Mean shares of a box that are around the plate on a side, by detector."""
NOTHING = ""
"""The text on what is no plate."""


@dataclass(frozen=True, eq=False)
class Subject:
    """A plate to put into a scene, and the shares of its width and height that its image shows beyond it."""

    face: Face
    beyond: Margin = NO_MARGIN


@dataclass(frozen=True, eq=False)
class Located:
    """What a reader gets.

    Attributes:
        image: uint8[24,94,3] BGR.
        text: on the plate, `NOTHING` on what is none.
        width: of the plate in the picture, px.
        rows: of text that it was taken to have.
    """

    image: Image
    text: str
    width: float
    rows: int


@dataclass(frozen=True)
class Crops:
    """Crops of plates and of other things.

    Attributes:
        frames: real frames whose plates are boxed, for backgrounds and for what is no plate; may be empty.
        real: real crops of plates with one row and their texts; may be empty.
        found: patches that a locator took for plates (`lprnet.training.locator_mining`); may be empty.
        nothing: share of crops without a plate.
        two_rows: share of the plates that have two rows.
        from_real: share of the plates that are real crops, where there are any.
        kind: kind or mix of the rendered plates, in two rows those of its countries; Chinese ones, `TWO_ROWS`
            among them, if None.
        apart: share of the rendered plates with two rows, of other countries than China, of which one row is
            cut out alone, as `rows_apart` does.
        boxed: share of the plates with one row that are cut out upright, as detectors of boxes do, with what
            is around them, instead of by their corners.
    """

    frames: tuple[Frame, ...] = ()
    _: KW_ONLY
    real: tuple[Sample, ...] = ()
    found: tuple[Image, ...] = ()
    nothing: float = 0.3
    two_rows: float = 0.25
    from_real: float = 0.35
    kind: str | None = None
    boxed: float = 0.0
    apart: float = 0.0

    def sample(self, rng: Generator, strength: float = 1.0) -> Sample:
        """A crop uint8[24,94,3] BGR and its text, `NOTHING` on what is no plate.

        Args:
            rng: source of every random choice.
            strength: of what the camera does, 0 to 1.
        """
        located = self.draw(rng, strength)
        return located.image, located.text

    def draw(self, rng: Generator, strength: float = 1.0) -> Located:
        """Like `sample`, and what is known beside that."""
        if rng.random() < self.nothing:
            return self._other(rng, min(strength, 1.0))
        return self.plate(rng, min(strength, 1.0))

    def digest(self) -> str:
        """Of all that samples depend on, but for code."""
        digest = hashlib.sha256(
            repr((self.nothing, self.two_rows, self.from_real, self.kind, self.boxed, self.apart)).encode()
        )
        for frame in self.frames:
            digest.update(repr(frame.image.shape).encode() + frame.image.tobytes() + frame.boxes.tobytes())
        for image in (*self.found, *(image for image, _ in self.real)):
            digest.update(repr(image.shape).encode() + image.tobytes())
        return digest.hexdigest()

    def plate(self, rng: Generator, strength: float = 1.0) -> Located:
        """A crop of a plate."""
        while True:
            subject = self.subject(rng)
            canvas, corners = self.place(rng, subject, random_width(rng), strength)
            if subject.face.rows == 1 and self.boxed and rng.random() < self.boxed:
                crop = _boxed(rng, canvas, corners, subject.face.text)
            elif subject.face.first_row and rng.random() < self.apart:
                crop = _row(rng, canvas, missed(rng, corners), subject.face)
            else:
                crop = _cut(canvas, missed(rng, corners), subject.face.rows, subject.face.text)
            if crop.image.mean(2).std() > FAINTEST:
                return crop

    def subject(self, rng: Generator) -> Subject:
        """A plate from the front: rendered, or a real crop, some of them cut into two rows."""
        double = rng.random() < self.two_rows
        if self.real and rng.random() < self.from_real:
            image, text = self.real[self._shares.draw(rng)]
            if double:
                return Subject(Face(stacked(rng, image), 2, text))
            return Subject(Face(image, 1, text), MARGIN)
        if self.kind is None:
            plate = random_plate(rng, TWO_ROWS[int(rng.integers(len(TWO_ROWS)))] if double else None)
            return Subject(Face(plate.image, plate.kind.rows, plate.text, plate.kind.name))
        kind = random_two_row(rng, self.kind) if double else None
        plate = random_plate(rng, kind or self.kind)
        first_row = plate.kind.first_row if plate.kind.rows == 2 else 0
        return Subject(Face(plate.image, plate.kind.rows, plate.text, plate.kind.name, first_row))

    @cached_property
    def _shares(self) -> Shares:
        return Shares.evened([text[0] for _, text in self.real], 0.5)

    def place(self, rng: Generator, subject: Subject, width: float, strength: float) -> tuple[Image, Floats]:
        """A picture uint8[H,W,3] of *subject*'s plate, *width* pixels wide, and where its corners are."""
        h, w = subject.face.image.shape[:2]
        beyond = np.array([1 + 2 * subject.beyond.across, 1 + 2 * subject.beyond.down])
        tall = width * (h / beyond[1]) / (w / beyond[0]) * rng.uniform(0.92, 1.08)
        corners = tilted(rng, width, tall, rng.choice([0.3, 1.0]))
        room = np.ceil(np.ptp(corners, axis=0) + 2 * np.array([0.25 * width, 0.7 * tall])).astype(int)
        corners += (room / 2).astype(np.float32)
        canvas = self._ground(rng, int(room[0]), int(room[1]))
        if rng.random() < 0.5:
            draw_car(rng, canvas, corners)
        self._put(rng, canvas, subject, corners)
        return take(rng, canvas, strength), corners

    def _put(self, rng: Generator, canvas: Image, subject: Subject, corners: Floats) -> None:
        """Draw the plate, some in a holder, in place."""
        if subject.beyond.down:
            # Real crops have their light already, and what they show around the plate comes along.
            stamp(canvas, subject.face.image, _grown(corners, subject.beyond))
            return
        image = light_plate(rng, subject.face.image)
        border = 0
        if rng.random() < 0.4:
            border = max(round(image.shape[0] * rng.uniform(0.02, 0.13)), 1)
            dark = float(rng.uniform(0, 90) if rng.random() < 0.8 else rng.uniform(90, 255))
            image = cv2.copyMakeBorder(
                image, border, border, border, border, cv2.BORDER_CONSTANT, value=(dark, dark, dark)
            )
        stamp(canvas, np.asarray(image, np.uint8), corners, border)

    def _ground(self, rng: Generator, width: int, height: int) -> Image:
        """A background, uint8[height,width,3]."""
        if self.frames and rng.random() < 0.5:
            image = self.frames[int(rng.integers(len(self.frames)))].image
            zoom = np.exp(rng.uniform(np.log(0.5), np.log(3)))
            w, h = (
                min(max(round(n / zoom), 2), m)
                for n, m in ((width, image.shape[1]), (height, image.shape[0]))
            )
            x, y = (int(rng.integers(m - n + 1)) for n, m in ((w, image.shape[1]), (h, image.shape[0])))
            part = cv2.resize(image[y : y + h, x : x + w], (width, height), interpolation=cv2.INTER_LINEAR)
            return recolour(rng, np.asarray(part, np.uint8))
        return draw_backdrop(rng, height, width)

    def _other(self, rng: Generator, strength: float) -> Located:
        """A crop of what is no plate."""
        rows = 2 if rng.random() < 0.15 else 1
        choice = rng.random()
        if choice < 0.12:
            return self._part_of_plate(rng, strength)
        if choice < 0.57 and self.frames:
            return self.street(rng, rows, strength)
        if choice < 0.72 and self.found:
            patch = self.found[int(rng.integers(len(self.found)))]
            middle = np.asarray(np.array(patch.shape[1::-1]) / 2, np.float32)
            corners = _quad(rng, patch.shape[1] / 2 * np.exp(rng.normal(0, 0.2)), rows) + middle
            return _cut(_perhaps_taken(rng, patch, strength), corners, rows)
        return self._drawn(rng, rows, strength)

    def _drawn(self, rng: Generator, rows: int, strength: float) -> Located:
        """A car without a plate, or a distractor."""
        width = random_width(rng)
        size = round(1.8 * width), round(1.1 * width)
        canvas = self._ground(rng, *size)
        middle = np.asarray(np.array(size) / 2, np.float32)
        corners = _quad(rng, width, rows) + middle
        if rng.random() < 0.3:
            draw_car(rng, canvas, corners, without=True)
        else:
            distract(rng, canvas, middle, width * np.exp(rng.normal(-0.05, 0.2)), self.found)
        if rng.random() < 0.12:
            clock(rng, canvas)
        return _cut(take(rng, canvas, strength), corners, rows)

    def street(self, rng: Generator, rows: int = 1, strength: float = 1.0) -> Located:
        """Any plate-shaped part of a frame that shows nothing of a plate; often the fullest of three."""
        crops = [self._place(rng, rows, strength) for _ in range(3 if rng.random() < 0.5 else 1)]
        return max(crops, key=lambda crop: float(crop.image.std()))

    def _place(self, rng: Generator, rows: int, strength: float) -> Located:
        while True:
            frame = self.frames[int(rng.integers(len(self.frames)))]
            height, width = frame.image.shape[:2]
            corners = _quad(rng, np.exp(rng.uniform(np.log(20), np.log(min(300, width / 2)))), rows)
            reach = np.abs(corners).max(0)
            corners += rng.uniform(reach, np.maximum([width, height] - reach, reach + 1)).astype(np.float32)
            low, high = corners.min(0) - 3, corners.max(0) + 3
            boxes = np.concatenate([frame.boxes, frame.doubtful])
            if not np.any(np.all((low < boxes[:, 2:]) & (boxes[:, :2] < high), axis=1)):
                break
        x, y = np.maximum(low.astype(int) - 2, 0)
        part = frame.image[y : int(high[1]) + 3, x : int(high[0]) + 3]
        if rng.random() < 0.5:
            part = recolour(rng, part)
        return _cut(_perhaps_taken(rng, part, strength), corners - np.array([x, y], np.float32), rows)

    def _part_of_plate(self, rng: Generator, strength: float) -> Located:
        """Far too much around a plate, or far too little of it: at corners where no locator's plate is."""
        subject = self.subject(rng)
        canvas, corners = self.place(rng, subject, random_width(rng), strength)
        middle, along, down = corners.mean(0), corners[1] - corners[0], corners[3] - corners[0]
        kind = rng.random()
        if kind < 0.4:
            zoom = rng.uniform(0.25, 0.5)
            shift = along * rng.uniform(-0.3, 0.3) + down * rng.uniform(-0.3, 0.3)
        elif kind < 0.6:
            zoom, shift = rng.uniform(1.9, 3), along * rng.uniform(-0.5, 0.5) + down * rng.uniform(-0.5, 0.5)
        elif kind < 0.8:
            zoom, shift = rng.uniform(0.7, 1.3), along * rng.choice([-1, 1]) * rng.uniform(0.6, 0.9)
        else:
            zoom, shift = rng.uniform(0.7, 1.3), down * rng.choice([-1, 1]) * rng.uniform(0.6, 1)
        return _cut(canvas, floats((corners - middle) * zoom + middle + shift), subject.face.rows)


def _cut(canvas: Image, corners: Floats, rows: int, text: str = NOTHING) -> Located:
    return Located(rectify(canvas, corners, rows), text, width_of(corners), rows)


def _row(rng: Generator, canvas: Image, corners: Floats, face: Face) -> Located:
    """One of the two rows of a plate alone, and what is on it."""
    row = int(rng.integers(2))
    texts = face.text[: face.first_row], face.text[face.first_row :]
    return Located(rows_apart(canvas, corners)[row], texts[row], width_of(corners), 2)


def _boxed(rng: Generator, canvas: Image, corners: Floats, text: str) -> Located:
    """The upright box around *corners*, with as much around it as detectors of boxes leave."""
    low, high = corners.min(0), corners.max(0)
    loose = rng.choice(LOOSE)
    slack = rng.normal(loose, 0.03 + 0.4 * loose, (2, 2)).clip(-0.02, 0.25) * (high - low)
    # Below and above there is as much as at the sides, in pixels.
    slack[:, 1] *= min(float(high[0] - low[0]) / float(high[1] - low[1]), 3.0) * rng.uniform(0.4, 1)
    left, top = np.maximum(low - slack[0], 0).astype(int)
    right, bottom = np.ceil(np.minimum(high + slack[1], canvas.shape[1::-1])).astype(int)
    return Located(resize(canvas[top:bottom, left:right]), text, width_of(corners), 1)


def random_width(rng: Generator) -> float:
    """Of a plate in a frame, px: every third one is hardly readable or not."""
    if rng.random() < 0.35:
        return float(rng.uniform(NARROWEST, 60))
    return float(np.exp(rng.uniform(np.log(45), np.log(WIDEST))))


def missed(rng: Generator, corners: Floats) -> Floats:
    """*corners* as a locator finds them: 1 to 7 % of the plate's height off, one in twenty plates twice that.

    Half of it is in the plate's place and size, half in each corner by itself.
    """
    sigma = rng.uniform(0.01, 0.07) * (2 if rng.random() < 0.05 else 1) * height_of(corners)
    middle = corners.mean(0)
    together = (corners - middle) * np.exp(rng.normal(0, 0.5 * sigma / width_of(corners), 2))
    offset = rng.normal(0, 0.6 * sigma, 2) + rng.normal(0, 0.8 * sigma, (4, 2))
    return np.asarray(together + middle + offset, np.float32)


def stacked(rng: Generator, crop: Image) -> Image:
    """A real crop with one row, cut after the second character, in two rows: uint8[H,W,3].

    Half of them like Chinese plates with two rows, half with rows as tall and as wide as each other.
    """
    cut = round(crop.shape[1] * rng.normal(UPPER, 0.006))
    ground = np.median(crop.reshape(-1, 3), axis=0)
    plate = np.empty((110, 220, 3), np.uint8)
    plate[:] = ground
    upper, lower = crop[:, :cut], crop[:, cut:]
    if rng.random() < 0.5:
        edge = 41
        left, right = 49, 171
    else:
        edge = round(rng.uniform(0.42, 0.52) * 110)
        left, right = 0, 220
    size = (right - left, edge)
    plate[:edge, left:right] = cv2.resize(upper, size, interpolation=cv2.INTER_CUBIC)
    plate[edge:] = cv2.resize(lower, (220, 110 - edge), interpolation=cv2.INTER_CUBIC)
    return plate


def _grown(corners: Floats, by: Margin) -> Floats:
    """Corners of what shows *by* around the plate at *corners*."""
    square = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
    outer = square + np.array([by.across, by.down], np.float32) * (2 * square - 1)
    matrix = cv2.getPerspectiveTransform(square, corners)
    return np.asarray(cv2.perspectiveTransform(outer[None], matrix)[0], np.float32)


def _quad(rng: Generator, width: float, rows: int) -> Floats:
    """Corners around (0, 0) of what a locator might take for a plate with so many *rows*."""
    aspect = rng.uniform(1.3, 2.4) if rows == 2 else np.exp(rng.uniform(np.log(2.2), np.log(5)))
    return tilted(rng, width, width / aspect, rng.choice([0.0, 0.4, 1.0]))


def _perhaps_taken(rng: Generator, image: Image, strength: float) -> Image:
    """A picture that a camera has taken, as another one might have."""
    return take(rng, image.copy(), 0.7 * strength) if rng.random() < 0.5 else image
