"""New real plates out of real ones: characters of one photographed plate moved to another.

A few hundred real crops hold few texts, and most Chinese cities see little but their own province. Cut along
the standard's character cells and put together anew, the same crops show every character they have beside
every other, in the pixels of a real camera.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import cv2
import numpy as np
from numpy.random import Generator

from lprnet.network.model import HEIGHT, WIDTH
from lprnet.plates.camera import photograph, rephotograph
from lprnet.plates.glyphs import glyph, has_glyph, is_chinese
from lprnet.plates.kinds import BLACK, CHINESE, WHITE, YELLOW
from lprnet.plates.layout import Kind
from lprnet.plates.pixels import Floats, Image
from lprnet.plates.plate import SCALE, Plate
from lprnet.plates.shares import Shares

LOG = logging.getLogger(__name__)

_WIDTH, _HEIGHT = 2 * WIDTH, 2 * HEIGHT
"""px: crops are registered and pasted into at twice the reader's resolution."""
_LAYOUTS = {7: "blue", 8: "green-small"}
"""Number of characters → a kind with the cells of all one-row plates of that many."""
_ALIKE = 0.6
"""Least correlation of a registered crop with its text drawn: below are those that went astray."""
_CONTRAST = 12.0
"""Least difference of ink and ground, in grey levels, by which a cell's tone can be told."""
_MARGIN, _FEATHER = 5.0, 2
"""Ground that goes along with a character: mm at each side, px that fade."""
_PAINTS = ((YELLOW, BLACK), (YELLOW, BLACK), (WHITE, BLACK), (BLACK, WHITE))
"""Ground and ink of the other plates with seven characters."""
_PAINTED, _ANEW = 0.15, 0.35
"""Shares of recombined plates in other colours, and of those photographed in a new pose."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Donor:
    """A real crop whose character cells are known.

    Attributes:
        image: uint8[48,188,3] BGR, the whole crop.
        text: the characters on it.
        transform: float32[3,3], px of the plate from the front (at `SCALE`) → px of `image`.
        front: float32[H,W,3], the plate from the front.
        tones: float32[characters,2,3], BGR of the ground and of the ink of every cell.
    """

    image: Image
    text: str
    transform: Floats
    front: Floats
    tones: Floats

    @property
    def kind(self) -> Kind:
        """A kind with the cells of the plate."""
        return CHINESE[_LAYOUTS[len(self.text)]]


def donor(image: Image, text: str) -> Donor | None:
    """Find the cells of *text* in the crop *image*, uint8[H,W,3] BGR; None where that does not succeed.

    The text is drawn as the standard lays it out, and the crop is registered to the drawing by the enhanced
    correlation coefficient (Evangelidis and Psarakis, TPAMI 2008), from the best of many poses.
    """
    if len(text) not in _LAYOUTS or not all(map(has_glyph, text)) or not is_chinese(text[0]):
        return None
    kind = CHINESE[_LAYOUTS[len(text)]]
    drawn = _drawn(text, kind)
    crop = cv2.resize(image, (_WIDTH, _HEIGHT), interpolation=cv2.INTER_LINEAR).astype(np.uint8)
    transform = _register(drawn, cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY).astype(np.float32))
    if transform is None:
        return None
    front = _seen_from_front(crop.astype(np.float32), transform, drawn.shape)
    tones = np.stack([_tone(front, drawn, kind, i) for i in range(len(text))])
    if np.abs(tones[:, 1] - tones[:, 0]).max(1).min() < _CONTRAST:
        return None
    return Donor(image=crop, text=text, transform=transform, front=front, tones=tones)


def _drawn(text: str, kind: Kind) -> Floats:
    """Coverage float32[H,W], 0–255, of *text* in thin strokes."""
    mask = np.zeros((round(kind.height * SCALE), round(kind.width * SCALE)), np.float32)
    for i, character in enumerate(text):
        x, y, w, h = _cell(kind, i)
        mask[y : y + h, x : x + w] = glyph(character, 0 if is_chinese(character) else 1, w, h)
    return mask


def _cell(kind: Kind, index: int, margin: float = 0.0) -> tuple[int, int, int, int]:
    """Left, top, width and height of a character's cell in px, with *margin* mm of ground around it."""
    cell = kind.cells[index]
    left, top = round((cell.left - margin) * SCALE), round((cell.top - margin) * SCALE)
    return left, top, round((cell.width + 2 * margin) * SCALE), round((cell.height + 2 * margin) * SCALE)


def _register(drawn: Floats, grey: Floats) -> Floats | None:
    """Transform float32[3,3] from *drawn* to *grey*, or None if nothing like it is there."""
    soft, blurred = cv2.GaussianBlur(drawn, (0, 0), 3), cv2.GaussianBlur(grey, (0, 0), 2)
    soft = soft - soft.mean()
    poses = []
    for tilt in np.linspace(-0.9, 0.9, 13):
        for shear in (-0.12, -0.06, 0.0, 0.06, 0.12):
            for inset in (-0.03, 0.03):
                pose = _pose(drawn.shape, tilt, shear, inset)
                seen = _seen_from_front(blurred, pose, drawn.shape)
                seen -= seen.mean()
                norm = float(np.sqrt((seen * seen).sum() * (soft * soft).sum())) + 1e-6
                poses.append((float((seen * soft).sum()) / norm, pose))
    poses.sort(key=lambda pose: -abs(pose[0]))
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 60, 1e-4)
    best, found = _ALIKE, None
    for correlation, pose in poses[:3]:
        # Dark ink on light ground correlates negatively; the sign is what registration cannot find.
        template = drawn if correlation > 0 else 255 - drawn
        try:
            for smoothing in (7, 3):
                alike, pose = cv2.findTransformECC(
                    template, grey, pose, cv2.MOTION_HOMOGRAPHY, criteria, None, smoothing
                )
        except cv2.error:  # it did not converge
            continue
        if alike > best:
            best, found = alike, np.asarray(pose, np.float32)
    return found


def _pose(shape: tuple[int, ...], tilt: float, shear: float, inset: float) -> Floats:
    """A plate turned by *tilt* and sheared, filling the crop but for *inset* of each side."""
    square = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float64)
    turned = square - 0.5
    turned = np.stack([turned[:, 0] + shear * turned[:, 1], turned[:, 1] + tilt * turned[:, 0]], 1)
    turned = (turned - turned.min(0)) / (turned.max(0) - turned.min(0))
    corners = (inset + (1 - 2 * inset) * turned) * [_WIDTH, _HEIGHT]
    source = (square * [shape[1], shape[0]]).astype(np.float32)
    return np.asarray(cv2.getPerspectiveTransform(source, corners.astype(np.float32)), np.float32)


def _seen_from_front(image: Floats, transform: Floats, shape: tuple[int, ...]) -> Floats:
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    size = (shape[1], shape[0])
    seen = cv2.warpPerspective(image, transform, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(seen, np.float32)


def _tone(front: Floats, drawn: Floats, kind: Kind, index: int) -> Floats:
    """BGR of the ground and of the ink in a cell, float32[2,3]."""
    x, y, w, h = _cell(kind, index)
    pixels, coverage = front[y : y + h, x : x + w], drawn[y : y + h, x : x + w]
    return np.stack([pixels[coverage < 8].mean(0), pixels[coverage > 200].mean(0)]).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Stock:
    """Donors to put plates together from."""

    donors: tuple[Donor, ...]

    @cached_property
    def _bases(self) -> Shares:
        """Shares of the donors as the plate that others' characters go to."""
        return Shares.evened([d.text[0] for d in self.donors], 0.5)

    @cached_property
    def _givers(self) -> dict[int, tuple[list[Donor], Shares]]:
        """Number of characters → donors of as many, and their shares as givers of the first one.

        Every province is nearly as frequent as any other, however many of its plates there are.
        """
        groups = {n: [d for d in self.donors if len(d.text) == n] for n in _LAYOUTS}
        return {
            n: (group, Shares.evened([d.text[0] for d in group], 0.75))
            for n, group in groups.items()
            if group
        }

    def sample(self, rng: Generator, strength: float) -> tuple[Image, str]:
        """A crop uint8[24,94,3] BGR of a recombined plate, and its text.

        Args:
            rng: source of every random choice.
            strength: of the camera's distortions, which are weaker than for rendered plates, since the pixels
                have been through a camera once.
        """
        base, front, mask, text = self._recombine(rng)
        if rng.random() < _ANEW:
            plate = np.clip(front, 0, 255).astype(np.uint8)
            return photograph(rng, plate, 0.6 * strength), text
        return rephotograph(rng, _put_back(base, front, mask), strength), text

    @cached_property
    def _provinces(self) -> dict[str, list[Donor]]:
        """Donors by their first character."""
        return {p: [d for d in self.donors if d.text[0] == p] for p in {d.text[0] for d in self.donors}}

    def dressed(self, rng: Generator, plate: Plate) -> Plate:
        """*plate* with its first character as some real plate has it; itself where no donor has that.

        What the standard's dies press is drawn by hand, and no font is quite like it; real plates of some
        kinds are rare, but all kinds have the same Chinese characters.
        """
        donors, (cell, *_) = self._provinces.get(plate.text[0]), plate.kind.cells
        if not donors or cell.height < 1.9 * cell.width:
            return plate
        giver = donors[int(rng.integers(len(donors)))]
        u, v, width, height = _cell(giver.kind, 0, _MARGIN)
        coverage = _coverage(giver.front[v : v + height, u : u + width], giver.tones[0])
        x, y, w, h = _cell(plate.kind, 0, _MARGIN)
        coverage = cv2.resize(coverage, (w, h), interpolation=cv2.INTER_LINEAR)[:, :, None]
        image = plate.image.copy()
        place = image[y : y + h, x : x + w].astype(np.float32)
        # Every row's ground is what stands at both ends of it, and the ink what differs most from that.
        ground = np.concatenate([place[:, :2], place[:, -2:]], 1).mean(1, keepdims=True)
        far = np.abs(place - ground).sum(2)
        ink = place[far >= np.quantile(far, 0.9)].mean(0)
        image[y : y + h, x : x + w] = np.clip(ground + coverage.clip(0, 1.1) * (ink - ground), 0, 255)
        return replace(plate, image=image)

    def some(self, count: int, seed: int) -> tuple[tuple[Image, str], ...]:
        """*count* recombined plates and their texts, hardly distorted: uint8[24,94,3] BGR each."""
        rng = np.random.default_rng(seed)
        return tuple(self.sample(rng, 0.3) for _ in range(count))

    def _recombine(self, rng: Generator) -> tuple[Donor, Floats, Floats, str]:
        """A donor, its plate from the front with others' characters, where it was changed, and the text."""
        base = self.donors[self._bases.draw(rng)]
        kind, text, front = base.kind, list(base.text), base.front.copy()
        givers, firsts = self._givers[len(text)]
        mask = np.zeros(front.shape[:2], np.float32)
        share = rng.uniform(0.2, 1.0)
        for place in range(len(text)):
            if rng.random() > share:
                continue
            if place == 0:
                giver, source = givers[firsts.draw(rng)], 0
            else:
                giver = givers[int(rng.integers(len(givers)))]
                source = _source(rng, giver, place)
            x, y, w, h = _cell(kind, place, _MARGIN)
            u, v, _, _ = _cell(kind, source, _MARGIN)
            coverage = _coverage(giver.front[v : v + h, u : u + w], giver.tones[source])
            ground, ink = base.tones[place]
            front[y : y + h, x : x + w] = ground + coverage * (ink - ground)
            mask[y + 1 : y + h - 1, x + 1 : x + w - 1] = 1
            text[place] = giver.text[source]
        if len(text) == 7 and rng.random() < _PAINTED:
            paint = np.array(_PAINTS[int(rng.integers(len(_PAINTS)))], np.float32)
            ground, ink = paint * np.float32(rng.uniform(0.3, 1.1)) + rng.normal(0, 10, (2, 3))
            front = (ground + _coverage(front, base.tones.mean(0)) * (ink - ground)).astype(np.float32)
            mask[:] = 1
        return base, front, mask, "".join(text)


def _source(rng: Generator, giver: Donor, place: int) -> int:
    """The place of *giver* that gives the character for *place*: one with a cell of the same size."""
    cells = giver.kind.cells
    alike = [
        i
        for i in range(1, len(cells))
        if cells[i].width == cells[place].width
        and not is_chinese(giver.text[i])
        and (place != 1 or giver.text[i].isalpha())
    ]
    return int(rng.choice(alike)) if alike else place


def _coverage(pixels: Floats, tone: Floats) -> Floats:
    """How much ink each of *pixels*, float32[H,W,3], is: float32[H,W,1], 0 ground, 1 ink."""
    ground, across = tone[0], tone[1] - tone[0]
    return np.clip((pixels - ground) @ (across / (across @ across)), -0.4, 1.4)[:, :, None]


def _put_back(base: Donor, front: Floats, mask: Floats) -> Image:
    """*base* with what *mask* covers of its plate replaced by *front*."""
    soft = cv2.blur(mask, (2 * _FEATHER + 1, 2 * _FEATHER + 1)) * mask
    size = (base.image.shape[1], base.image.shape[0])
    pasted = cv2.warpPerspective(front, base.transform, size, flags=cv2.INTER_LINEAR)
    alpha = cv2.warpPerspective(soft, base.transform, size, flags=cv2.INTER_LINEAR)[:, :, None]
    image = base.image.astype(np.float32)
    return np.clip(image + (pasted - image) * alpha, 0, 255).astype(np.uint8)


def stock(crops: Sequence[tuple[Image, str]]) -> Stock:
    """Those of *crops* and their texts whose cells can be found (some 50 ms for each)."""
    found = (donor(image, text) for image, text in crops)
    donors = tuple(d for d in found if d is not None)
    LOG.info("characters to recombine: found on %d of %d real crops", len(donors), len(crops))
    return Stock(donors)
