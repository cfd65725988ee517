"""Real Chinese plates from the front, cut out of labelled crops so that their corners are exact."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from device_runtime.errors import FatalError
from lprnet.data.dataset import Labelled, from_folder
from lprnet.plates.plate import SCALE
from lprnet.plates.recombine import Donor, donor
from lprnet.scenes.face import Face
from lprnet.scenes.scene import Floats, Image, floats, width_of

MOST = 500
"""Faces that `read_faces` takes of a folder; a crop is looked at for 50 ms."""
FINE = 2.0
"""px of the picture in which rims are looked for per px of `recombine`'s drawing: a px per mm."""
INSET = 0.1
"""Most of the plate's height that is cut off at a side."""
_LIKE, _PARTS = 0.4, 6
"""Most difference of ground from its median, in those of ink and ground, in so many parts of a plate."""
_SEEN = 0.85
"""Share of a rim that must show ground; bolts and dirt hide the rest."""
_MARGIN = 0.05
"""Of the plate's height: what is put back around it."""
_NARROWEST = 120.0
"""px: narrower plates are too coarse to tell a rim."""


def read_faces(folder: Path, most: int = MOST) -> tuple[Face, ...]:
    """Up to *most* faces of the crops of *folder*, whose file names are their texts, from all over it.

    Raises:
        FatalError: the folder cannot be read, or no crop in it shows the rim of its plate.
    """
    crops = from_folder(folder)
    order = np.random.default_rng(0).permutation(len(crops))
    faces = tuple(_faces([crops[i] for i in order], most))
    if not faces:
        raise FatalError(str(folder), "shows no plate's rim", "give larger crops of blue plates")
    return faces


def _faces(crops: Sequence[Labelled], most: int) -> Iterable[Face]:
    count = 0
    for crop in crops:
        face = face_of(crop.read(), crop.text)
        if face is not None:
            count += 1
            yield face
            if count == most:
                return


def face_of(image: Image, text: str) -> Face | None:
    """The plate in the crop uint8[H,W,3] BGR that reads *text*; None unless all of its rim is sure.

    Its characters tell where the plate is (`plates.recombine.donor`), its ground how far it reaches: each
    side is moved inwards to where nothing but ground is seen along it. What is cut off does no harm: put
    into a scene, the plate ends there.
    """
    found = donor(image, text)
    if found is None:
        return None
    kind = found.kind
    wide, tall = round(kind.width * SCALE * FINE), round(kind.height * SCALE * FINE)
    square = np.array([[0, 0], [wide, 0], [wide, tall], [0, tall]], np.float32)
    corners = _in_crop(found, square / np.float32(FINE), image)
    width = width_of(corners)
    if width < _NARROWEST:
        return None
    matrix = cv2.getPerspectiveTransform(np.float32(corners - 0.5), np.float32(square - 0.5))
    front = np.asarray(cv2.warpPerspective(image, matrix, (wide, tall), flags=cv2.INTER_CUBIC), np.uint8)
    solid = np.full(image.shape[:2], 255, np.uint8)
    shown = cv2.warpPerspective(solid, matrix, (wide, tall)) > 250
    box = _within_rim(_is_ground(front) & shown)
    if box is None:
        return None
    left, top, right, bottom = box
    front = front[top:bottom, left:right]
    scale = min(1.3 * width / wide, 1.0)
    size = (round(front.shape[1] * scale), round(front.shape[0] * scale))
    face = np.asarray(cv2.resize(front, size, interpolation=cv2.INTER_AREA), np.uint8)
    return Face(_framed(face), 1, text, kind.name)


def _framed(face: Image) -> Image:
    """*face* with the ground and the line around it that its rim was taken without."""
    margin = max(round(_MARGIN * face.shape[0]), 2)
    grown = cv2.copyMakeBorder(face, *(margin,) * 4, cv2.BORDER_REPLICATE)
    ink = np.median(face[face[:, :, 2] >= np.quantile(face[:, :, 2], 0.85)], axis=0)
    line = np.zeros(grown.shape[:2], np.float32)
    x = y = margin // 2
    cv2.rectangle(line, (x, y), (line.shape[1] - 1 - x, line.shape[0] - 1 - y), 0.8, 1)
    line = floats(cv2.GaussianBlur(line, (0, 0), 0.5))[:, :, None]
    return np.asarray(grown * (1 - line) + floats(ink) * line, np.uint8)


def _in_crop(found: Donor, points: Floats, image: Image) -> Floats:
    """Where *points* of the drawing are in *image*; a donor's image is the same in another size."""
    seen = cv2.perspectiveTransform((points - np.float32(0.5))[None], found.transform.astype(np.float64))[0]
    scale = np.array(image.shape[1::-1]) / found.image.shape[1::-1]
    return floats((seen + 0.5) * scale)


def _is_ground(front: Image) -> NDArray[np.bool_]:
    """bool[H,W]: which pixels have the colour of the ground there; light differs along a plate."""
    height, width = front.shape[:2]
    inner = front[height // 5 : -height // 5].astype(np.float32)
    tones, contrasts = [], []
    for part in np.array_split(inner, _PARTS, axis=1):
        pixels = part.reshape(-1, 3)
        red = pixels[:, 2]
        ground = np.median(pixels[red <= np.quantile(red, 0.35)], axis=0)
        tones.append(ground)
        contrasts.append(np.linalg.norm(np.median(pixels[red >= np.quantile(red, 0.85)], axis=0) - ground))
    middles = (np.arange(_PARTS) + 0.5) * width / _PARTS
    along = np.stack([np.interp(np.arange(width), middles, tone) for tone in np.array(tones).T], 1)
    far = np.linalg.norm(front - floats(along), axis=2)
    return np.asarray(far < _LIKE * np.interp(np.arange(width), middles, contrasts))


def _within_rim(ground: NDArray[np.bool_]) -> tuple[int, int, int, int] | None:
    """Left, top, right and bottom of the largest box whose rim is ground, each at most `INSET` inside."""
    height, width = ground.shape
    reach = round(INSET * height)
    inner = ground[reach:-reach, reach:-reach]
    if inner.size == 0:
        return None
    top = _first(ground[:reach, reach:-reach])
    bottom = _first(ground[: -reach - 1 : -1, reach:-reach])
    left = _first(ground[reach:-reach, :reach].T)
    right = _first(ground[reach:-reach, : -reach - 1 : -1].T)
    if top is None or bottom is None or left is None or right is None:
        return None
    return left, top, width - right, height - bottom


def _first(lines: NDArray[np.bool_]) -> int | None:
    """The first of *lines* bool[N,L] that is ground, as is the next one, in each third of its length."""
    thirds = np.array_split(lines, 3, axis=1)
    good = np.min([third.mean(1) for third in thirds], axis=0) > _SEEN - 0.1
    good &= lines.mean(1) > _SEEN
    both = np.flatnonzero(good[:-1] & good[1:])
    return int(both[0]) if len(both) else None
