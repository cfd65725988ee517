"""Words in text fonts where plates might be: on boot lids, doors, shops, roads and over a camera's picture.

A text font draws a word in about a millisecond, so words are drawn once: numbers of a bank, each the same in
every process.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.random import Generator

from lprnet.scenes.lettering import Mask, fill, line, pick, word

HEIGHT = 44
"""px of a drawn word."""
BANK = 320
"""Words of each sort."""
_STREAM = 91

SORTS: dict[str, tuple[str, ...]] = {
    "model": (
        "#.# @@@", "#.#", "@####", "@##", "~", "~", "~", "#.#@", "###@", "@@@", "~ ###", "@@ ###",
        "~ @@", "@#", "###", "V#", "#.# V##", "HYBRID", "4x4", "TURBO", "DIESEL", "~-~", "@-~", "###d",
        "x@#", "@@@@",
    ),
    "company": (
        "~ ~", "~", "~ & ~", "www.~.ro", "~.com", "~ s.r.l.", "0### ### ###", "0### - ### ###",
        "+## ### ### ###", "####-#######", "CALL ### ####", "~ ~ ~", "N@ ##", "###", "####", "##-###",
        "TAXI", "TAXI ###", "POLICE", "AMBULANCE", "SCHOOL BUS", "*** ####", "SERVICE", "RENT-@-CAR",
        "@## #,## lei/km",
    ),
    "name": (
        "~", "~", "~ & ~", "~ Auto", "Auto ~", "www.~.com", "~.eu", "~ Motors", "~ ~", "%%%%",
        "%%汽车", "%%%%%%",
    ),
    "taxi": (
        "TAXI", "TAXI", "TAXI", "TAXI ~", "~ TAXI", "CAB", "%%出%", "出租", "~", "AUTO ~",
    ),
    "shop": (
        "~", "~ ~", "%%%%", "%%%", "%%%%%%", "%%", "~ %%", "24h", "OPEN", "BAR", "HOTEL ~", "PHARMACY",
        "-##%", "##.##", "~ & ~", "SALE", "TAXI", "P", "ATM", "@@@ BANK", "CAFE ~", "GAS #.##",
    ),
    "road": (
        "###", "##", "####", "STOP", "BUS", "TAXI", "SLOW", "P ##", "@##", "### ##", "%%%", "%%",
        "%%%%", "##-##", "NO PARKING", "@ ###", "### ~", "SCHOOL", "ONLY", "@@ ##",
    ),
    "clock": (
        "20##-##-## ##:##:##", "20##/##/## ##:##:##", "##/##/20## ##:##:##", "##-##-20## ##:##",
        "20##年##月##日 星期%", "20##年##月##日 ##:##:##", "##:##:##", "##:##:##.###", "CAM ##",
        "Camera ##", "IPC", "CH##", "~ ~ ##", "~.~", "### km/h", "N##.#### E##.####", "%%%路%%%口",
        "%%市%%路", "~ DASHCAM", "20## - ## - ##  ## : ## : ##", "Exp:####### Gain:##", "1920x1080",
        "30fps", "@### ~", "REC", "F#.# ISO###", "通道##", "%%方向 车道#",
    ),
    "house": ("###", "####", "####", "#####", "#####", "##", "## ##", "####@", "#### #/#", "###-#"),
}  # fmt: skip
"""Patterns for `fill` and, `%`, one of the characters that signs in China often bear."""
_SIGNS = (
    "福安大中国路东西店酒饭药金美行南北京海山天门口车道停广场花园超市银电信手机水果新华人民一二三四五六日"
)


def spelled(rng: Generator, sort: str) -> str:
    """A text of *sort* (of `SORTS`)."""
    patterns = SORTS[sort]
    text = ""
    for part in patterns[int(rng.integers(len(patterns)))]:
        text += pick(rng, _SIGNS) if part == "%" else word(rng) if part == "~" else part
    text = fill(rng, text) if any(c in text for c in "#@*") else text
    case = rng.random()
    if case < 0.4 and sort not in ("clock", "road", "house"):
        text = text.title() if case < 0.3 else text.lower()
    return text


@lru_cache(maxsize=4096)
def printed(sort: str, number: int) -> Mask:
    """Coverage uint8[`HEIGHT`,w] of word *number*, modulo `BANK`, of *sort*, without margins."""
    number %= BANK
    rng = np.random.default_rng((number, list(SORTS).index(sort), _STREAM))
    text = spelled(rng, sort)
    style = rng.random()
    if style < 0.15 and text.isascii() and text.replace(" ", "").isalnum() and text.isupper():
        mask = line(
            text, int(rng.integers(6)), round(0.66 * HEIGHT * len(text)), HEIGHT, rng.uniform(0.1, 0.5)
        )
    elif style < 0.22 and text.isascii():
        mask = _hershey(text, int(rng.integers(3)))
    else:
        name = (
            "uni"
            if not text.isascii()
            else ("sans", "uni", "italic")[int(rng.choice(3, p=[0.45, 0.35, 0.2]))]
        )
        mask = _set(text, cv2.FontFace(name), int(rng.choice([300, 400, 500, 700, 800])))
    mask = _trimmed(mask)
    # Wide and narrow cuts of the same letters.
    width = max(round(mask.shape[1] * HEIGHT / mask.shape[0] * np.exp(rng.normal(0, 0.18))), 4)
    mask = np.asarray(cv2.resize(mask, (width, HEIGHT), interpolation=cv2.INTER_AREA), np.uint8)
    mask.setflags(write=False)
    return mask


def any_printed(rng: Generator, sort: str) -> Mask:
    """A word of *sort*, `printed`."""
    return printed(sort, int(rng.integers(BANK)))


def _set(text: str, font: cv2.FontFace, weight: int) -> Mask:
    mask = np.zeros((2 * HEIGHT, (len(text) + 2) * HEIGHT), np.uint8)
    cv2.putText(mask, text, (HEIGHT // 2, round(1.4 * HEIGHT)), (255, 255, 255), font, HEIGHT, weight)
    return mask


def _hershey(text: str, thickness: int) -> Mask:
    """In the letters of a pen plotter, which many cameras print their clock in."""
    mask = np.zeros((2 * HEIGHT, (len(text) + 2) * HEIGHT), np.uint8)
    cv2.putText(
        mask,
        text,
        (HEIGHT // 2, round(1.4 * HEIGHT)),
        cv2.FONT_HERSHEY_SIMPLEX,
        1.4,
        255,
        3 + thickness,
        cv2.LINE_AA,
    )
    return mask


def _trimmed(mask: Mask) -> Mask:
    """*mask* without empty margins; one dot of it if it is empty."""
    x, y, width, height = cv2.boundingRect(mask)
    return mask[y : y + max(height, 1), x : x + max(width, 1)]
