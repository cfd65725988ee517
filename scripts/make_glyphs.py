"""Rebuild lprnet/plates/glyphs.npz from fonts (needs Pillow and the Debian packages named below).

Chinese characters: fonts-noto-cjk (Noto Sans CJK SC Bold and Regular, SIL OFL 1.1),
fonts-wqy-microhei (WenQuanYi Micro Hei, Apache 2.0).
Letters and digits: the strokes of lprnet/plates/strokes.py in four pen widths, and two fonts stretched to the
box for variety: fonts-roboto-unhinted (Roboto Condensed Bold, Apache 2.0), fonts-opendin (OSP-DIN, SIL
OFL 1.1).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from device_runtime.read.grammar import DIGITS, LETTERS, PROVINCES
from lprnet.network.alphabet import MARKS
from lprnet.plates.strokes import BOX_HEIGHT, BOX_WIDTH, draw

PENS = (8.0, 9.5, 11.0, 13.0)
"""mm; the standard's characters measure about 10, a dirty or over-exposed plate looks heavier."""
NOTO = "/usr/share/fonts/opentype/noto/NotoSansCJK-{}.ttc"
MICRO_HEI = "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc"
SC = 2
"""Index of the simplified Chinese face in the collection."""
LATIN_FONTS = (
    "/usr/share/fonts/truetype/roboto/unhinted/RobotoCondensed-Bold.ttf",
    "/usr/share/fonts/truetype/opendin/OSP-DIN.ttf",
)


def stretch(character: str, font: ImageFont.FreeTypeFont) -> NDArray[np.uint8]:
    """Coverage uint8[90,45] of *character*, its ink stretched to the box; narrow ink keeps its proportion."""
    image = Image.new("L", (800, 1000))
    ImageDraw.Draw(image).text((150, 150), character, fill=255, font=font)
    ink = image.crop(image.getbbox())
    width = BOX_WIDTH
    if character in "1IJ":
        width = min(BOX_WIDTH, round(ink.width * BOX_HEIGHT / ink.height * 1.1))
    cell = Image.new("L", (BOX_WIDTH, BOX_HEIGHT))
    cell.paste(ink.resize((width, BOX_HEIGHT), Image.Resampling.BOX), ((BOX_WIDTH - width) // 2, 0))
    return np.asarray(cell)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("lprnet/plates/glyphs.npz"))
    parser.add_argument(
        "--fonts", type=Path, default=Path("/"), help="root that the packages are unpacked under"
    )
    arguments = parser.parse_args()
    latin = [ImageFont.truetype(arguments.fonts / path.lstrip("/"), 500) for path in LATIN_FONTS]
    chinese = [ImageFont.truetype(NOTO.format(weight), 500, index=SC) for weight in ("Bold", "Regular")]
    chinese.append(ImageFont.truetype(arguments.fonts / MICRO_HEI.lstrip("/"), 500))
    hanzi = np.array([[stretch(c, f) for c in PROVINCES + MARKS] for f in chinese])
    # A weight between the two that the package has, and one beyond.
    medium = hanzi[:2].mean(0).astype(np.uint8)
    heavy = np.array([cv2.dilate(mask, np.ones((3, 3), np.uint8)) for mask in hanzi[0]])
    letters = DIGITS + LETTERS + "IO"
    np.savez_compressed(
        arguments.output,
        latin=np.array(
            [[draw(c, pen) for c in letters] for pen in PENS]
            + [[stretch(c, f) for c in letters] for f in latin]
        ),
        latin_characters=np.array(list(letters)),
        chinese=np.concatenate([hanzi, medium[None], heavy[None]]),
        chinese_characters=np.array(list(PROVINCES + MARKS)),
    )


if __name__ == "__main__":
    main()
