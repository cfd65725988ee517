"""Rebuild lprnet/plates/glyphs.npz from fonts (needs Pillow and the Debian packages named below).

Chinese characters: fonts-noto-cjk (Noto Sans CJK SC Bold and Regular, SIL OFL 1.1),
fonts-wqy-microhei (WenQuanYi Micro Hei, Apache 2.0). Hangul: Noto Sans CJK KR, fonts-nanum and
fonts-nanum-extra (SIL OFL 1.1).
Letters and digits stretched to the box of Chinese plates: the strokes of lprnet/plates/strokes.py in four pen
widths, and two fonts for variety: fonts-roboto-unhinted (Roboto Condensed Bold, Apache 2.0), fonts-opendin
(OSP-DIN, SIL OFL 1.1).
Letters and digits in their own proportions: the fonts of `TEXT_FONTS`, whose licences lprnet/plates/FONTS.md
states.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from device_runtime.countries.country import shipped
from device_runtime.read.grammar import DIGITS, LETTERS, PROVINCES
from lprnet.network.alphabet import MARKS
from lprnet.plates.strokes import BOX_HEIGHT, BOX_WIDTH, draw

PENS = (8.0, 9.5, 11.0, 13.0)
"""mm; the standard's characters measure about 10, a dirty or over-exposed plate looks heavier."""
NOTO = "/usr/share/fonts/opentype/noto/NotoSansCJK-{}.ttc"
MICRO_HEI = "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc"
HANGUL_FONTS = (
    "/usr/share/fonts/truetype/nanum/NanumSquareRoundEB.ttf",
    "/usr/share/fonts/truetype/nanum/NanumSquareB.ttf",
    "/usr/share/fonts/truetype/nanum/NanumGothicExtraBold.ttf",
    "/usr/share/fonts/truetype/nanum/NanumGothicBold.ttf",
    "/usr/share/fonts/truetype/nanum/NanumBarunGothicBold.ttf",
    "/usr/share/fonts/truetype/nanum/NanumSquareRoundB.ttf",
)
"""Besides Noto Sans."""
KR, SC = 1, 2
"""Indices of the Korean and of the simplified Chinese face in the collection."""
LATIN_FONTS = (
    "/usr/share/fonts/truetype/roboto/unhinted/RobotoCondensed-Bold.ttf",
    "/usr/share/fonts/truetype/opendin/OSP-DIN.ttf",
)
TEXT_FONTS = (
    "/usr/share/fonts/truetype/roadgeek/RG2014B.ttf",
    "/usr/share/fonts/truetype/roadgeek/RG2014C.ttf",
    "/usr/share/fonts/truetype/roadgeek/RG2014D.ttf",
    "/usr/share/fonts/truetype/roadgeek/RG2014E.ttf",
    "/usr/share/fonts/truetype/opendin/OSP-DIN.ttf",
    "/usr/share/fonts/truetype/roboto/unhinted/RobotoCondensed-Bold.ttf",
    "/usr/share/fonts/truetype/roboto/unhinted/RobotoCondensed-Regular.ttf",
    "/usr/share/fonts/opentype/national-park/NationalPark-Heavy.otf",
    "/usr/share/fonts/opentype/dosis/Dosis-Bold.otf",
    "/usr/share/fonts/opentype/b612/B612-Bold.otf",
    "/usr/share/fonts/truetype/open-sans/OpenSans-CondBold.ttf",
    "/usr/share/fonts/truetype/noto/NotoSans-Bold.ttf",
    "/usr/share/fonts/truetype/lato/Lato-Bold.ttf",
    "/usr/share/fonts/truetype/dejavu/DejaVuSansCondensed-Bold.ttf",
    "/usr/share/fonts/opentype/bebas-neue/BebasNeue-Bold.otf",
    "/usr/share/fonts/opentype/cabin/Cabin-Bold.otf",
    "/usr/share/fonts/truetype/clear-sans/ClearSans-Bold.ttf",
    "/usr/share/fonts/truetype/croscore/Arimo-Bold.ttf",
    "/usr/share/fonts/opentype/inter/Inter-SemiBold.otf",
    "/usr/share/fonts/truetype/jetbrains-mono/JetBrainsMono-Bold.ttf",
    "/usr/share/fonts/opentype/league-spartan/LeagueSpartan-Bold.otf",
    "/usr/share/fonts/truetype/manrope/Manrope-Bold.ttf",
    "/usr/share/fonts/truetype/oxygen/Oxygen-Sans-Bold.ttf",
    "/usr/share/fonts/truetype/play/Play-Bold.ttf",
    "/usr/share/fonts/truetype/routed-gothic/routed-gothic.ttf",
    "/usr/share/fonts/truetype/routed-gothic/routed-gothic-narrow.ttf",
    "/usr/share/fonts/opentype/sora/Sora-SemiBold.otf",
    "/usr/share/fonts/truetype/tuffy/Tuffy_Bold.ttf",
    "/usr/share/fonts/opentype/yanone-kaffeesatz/YanoneKaffeesatz-Bold.otf",
    "/usr/share/fonts/truetype/karla/Karla-Bold.otf",
    "/usr/share/fonts/opentype/jura/Jura-Bold.otf",
    "/usr/share/fonts/opentype/allerta/allerta_medium.otf",
    "/usr/share/fonts/opentype/cantarell/Cantarell-Bold.otf",
    "/usr/share/fonts/truetype/firacode/FiraCode-Bold.ttf",
)
"""Set in their own proportions."""
TEXT_CHARACTERS = DIGITS + "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
TEXT_HEIGHT = HANGUL_HEIGHT = 48
HANGUL_WIDTH = 44
"""px"""


def stretch(character: str, font: ImageFont.FreeTypeFont) -> NDArray[np.uint8]:
    """Coverage uint8[90,45] of *character*, its ink stretched to the box; narrow ink keeps its proportion."""
    ink = inked(character, font)
    width = BOX_WIDTH
    if character in "1IJ":
        width = min(BOX_WIDTH, round(ink.width * BOX_HEIGHT / ink.height * 1.1))
    cell = Image.new("L", (BOX_WIDTH, BOX_HEIGHT))
    cell.paste(ink.resize((width, BOX_HEIGHT), Image.Resampling.BOX), ((BOX_WIDTH - width) // 2, 0))
    return np.asarray(cell)


def inked(character: str, font: ImageFont.FreeTypeFont) -> Image.Image:
    """The part of a picture of *character* that has ink."""
    image = Image.new("L", (800, 1000))
    ImageDraw.Draw(image).text((150, 150), character, fill=255, font=font)
    return image.crop(image.getbbox())


def strip(font: ImageFont.FreeTypeFont) -> tuple[NDArray[np.uint8], list[int]]:
    """Coverage uint8[TEXT_HEIGHT,W] of `TEXT_CHARACTERS` side by side, all as high, and where each ends."""
    parts = []
    # Q is as wide as O; its tail would make it narrower.
    for character in TEXT_CHARACTERS:
        ink = inked(character, font)
        width = ink.width * TEXT_HEIGHT / (inked("O", font).height if character == "Q" else ink.height)
        parts.append(np.asarray(ink.resize((max(round(width), 2), TEXT_HEIGHT), Image.Resampling.BOX)))
    return np.hstack(parts), list(np.cumsum([p.shape[1] for p in parts]))


def others(first: str, last: str) -> str:
    """Characters between *first* and *last* of all countries' plates, but those of the shipped readers."""
    kinds = [kind for country in shipped() for kind in country.kinds.values()]
    found = {c for kind in kinds for pattern in kind.patterns for c in pattern.characters}
    return "".join(sorted(c for c in found - set(PROVINCES + MARKS) if first <= c <= last))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("lprnet/plates/glyphs.npz"))
    parser.add_argument(
        "--fonts", type=Path, default=Path("/"), help="root that the packages are unpacked under"
    )
    arguments = parser.parse_args()

    def open_font(path: str, index: int = 0) -> ImageFont.FreeTypeFont:
        return ImageFont.truetype(arguments.fonts / path.lstrip("/"), 500, index=index)

    latin = [open_font(path) for path in LATIN_FONTS]
    chinese = [open_font(NOTO.format(weight), SC) for weight in ("Bold", "Regular")]
    chinese.append(open_font(MICRO_HEI))
    hanzi_characters = PROVINCES + MARKS + others("\u4e00", "\u9fff")
    hanzi = np.array([[stretch(c, f) for c in hanzi_characters] for f in chinese])
    # A weight between the two that the package has, and one beyond.
    medium = hanzi[:2].mean(0).astype(np.uint8)
    heavy = np.array([cv2.dilate(mask, np.ones((3, 3), np.uint8)) for mask in hanzi[0]])
    letters = DIGITS + LETTERS + "IO"
    hangul_characters = others("\uac00", "\ud7a3")
    korean = [open_font(NOTO.format(weight), KR) for weight in ("Bold", "Regular")]
    korean += [open_font(path) for path in HANGUL_FONTS]
    hangul = [
        [
            np.asarray(inked(c, font).resize((HANGUL_WIDTH, HANGUL_HEIGHT), Image.Resampling.BOX))
            for c in hangul_characters
        ]
        for font in korean
    ]
    strips, ends = zip(*(strip(open_font(path)) for path in TEXT_FONTS), strict=True)
    np.savez_compressed(
        arguments.output,
        latin=np.array(
            [[draw(c, pen) for c in letters] for pen in PENS]
            + [[stretch(c, f) for c in letters] for f in latin]
        ),
        latin_characters=np.array(list(letters)),
        chinese=np.concatenate([hanzi, medium[None], heavy[None]]),
        chinese_characters=np.array(list(hanzi_characters)),
        hangul=np.array(hangul),
        hangul_characters=np.array(list(hangul_characters)),
        text=np.hstack(strips),
        text_ends=np.array(ends),
        text_characters=np.array(list(TEXT_CHARACTERS)),
    )


if __name__ == "__main__":
    main()
