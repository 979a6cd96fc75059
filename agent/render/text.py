"""Text in pictures, in Vietnamese too.

OpenCV 5 brings a font with most of the world's letters; OpenCV 4 has but ASCII, so there marks are left out.

Tried and left, `/usr/bin/time -v presence-agent log plot` of a busy day on amd64 (now 93 MiB, 0.48 s of CPU):
Pillow 13 with Be Vietnam Pro (OFL): 91 MiB, 0.56 s, a film's captions 9.8 ms a frame for 8.2, 25 MB more
installed, and Chinese, Cyrillic and arrows not drawn at all; Pillow's own font has not even á and đ.
That font by `cv2.FontFace(path)`: time and memory as now, 133 kB to ship only for the two letters below.
SVG: 39 MiB without cv2; but `--out` is a PNG, films need letters anyway, and no text could be fitted.
"""

from __future__ import annotations

import unicodedata
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Image = NDArray[np.uint8]
    Color = tuple[int, int, int]

UNICODE: Final = hasattr(cv2, "FontFace")
# Of OpenCV's own fonts the one that draws all letters of Vietnamese in one style.
_FONT = "uni"
# Two letters that it draws wrongly, as ớ and õ: the base to draw, and the letter whose mark to add. A test
# fails once the font is right.
_FIXED = {"ờ": ("ơ", "ò"), "ỡ": ("ơ", "õ")}
_HERSHEY_PX = 30.0
# Width of the black rim around letters.
_RIM_PX = 2


def write(canvas: Image, text: str, at: tuple[float, float], size_px: int, color: Color) -> None:
    """Write on a picture; letters outside of it are cut off.

    Args:
        canvas: u8[H, W, 3] BGR, changed in place.
        text: any Unicode.
        at: left end of the base line, x and y in px.
        size_px: size of the font.
        color: BGR, 0–255 each.
    """
    mask, base = _mask(text, size_px)
    _paint(canvas, mask, round(at[0]), round(at[1]) - base, color)


def write_outlined(canvas: Image, text: str, at: tuple[float, float], size_px: int, color: Color) -> None:
    """Write with a black rim, so that it can be read on any picture.

    Args:
        canvas: u8[H, W, 3] BGR, changed in place.
        text: any Unicode.
        at: left end of the base line, x and y in px.
        size_px: size of the font.
        color: BGR, 0–255 each.
    """
    mask, base = _mask(text, size_px)
    left, top = round(at[0]), round(at[1]) - base
    side = 2 * _RIM_PX + 1
    rim = cv2.dilate(mask, np.ones((side, side), np.uint8)).astype(np.uint8)
    _paint(canvas, rim, left, top, (0, 0, 0))
    _paint(canvas, mask, left, top, color)


def ink(text: str, size_px: int) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of an outlined text and its rim, in px from its base line's left end."""
    mask, base = _mask(text, size_px)
    left, top, width, height = cv2.boundingRect(mask)
    return (
        left - _RIM_PX,
        top - base - _RIM_PX,
        left + width + _RIM_PX,
        top - base + height + _RIM_PX,
    )


def width_px(text: str, size_px: int) -> int:
    """Advance width of a text, px."""
    return _advance(_clean(text), size_px)


def fitted(text: str, size_px: int, room_px: float) -> str:
    """A text, cut with "..." if it is too wide.

    Args:
        text: any Unicode.
        size_px: size of the font.
        room_px: width that there is.
    """
    if width_px(text, size_px) <= room_px:
        return text
    while text and width_px(f"{text}...", size_px) > room_px:
        text = text[:-1]
    return f"{text}..."


def in_lines(text: str, size_px: int, room_px: float, most: int) -> list[str]:
    """Wrap a text at any letter; the last line is cut with "..." if it is too wide.

    Args:
        text: any Unicode.
        size_px: size of the font.
        room_px: width of a line.
        most: number of lines at most.
    """
    lines: list[str] = []
    while text and len(lines) < most - 1:
        end = len(text)
        while end > 1 and width_px(text[:end], size_px) > room_px:
            end -= 1
        lines.append(text[:end])
        text = text[end:]
    return [*lines, fitted(text, size_px, room_px)] if text else lines


def _clean(text: str) -> str:
    """Composed text (NFC), unprintable characters and lone surrogates as ?; OpenCV crashes on the latter."""
    composed = unicodedata.normalize("NFC", text)
    seen = "".join(letter if letter.isprintable() else "?" for letter in composed)
    return seen if UNICODE else plain(seen)


def plain(text: str) -> str:
    """Letters without their marks."""
    split = unicodedata.normalize("NFKD", text.replace("đ", "d").replace("Đ", "D"))
    return "".join(c for c in split if not unicodedata.combining(c)).encode("ascii", "replace").decode()


@lru_cache(maxsize=256)
def _mask(text: str, size_px: int) -> tuple[Image, int]:
    """Coverage of each px by ink, u8, and the row of the base line."""
    text = _clean(text)
    base = round(1.25 * size_px)
    mask = np.zeros((round(1.75 * size_px), _advance(text, size_px) + size_px), np.uint8)
    _put(mask, "".join(_FIXED.get(letter, letter)[0] for letter in text), (0, base), size_px)
    for place, letter in enumerate(text):
        if UNICODE and letter in _FIXED:
            left = _advance(text[:place], size_px)
            mark = _mark(_FIXED[letter][1], size_px)[:, : mask.shape[1] - left]
            part = mask[:, left : left + mark.shape[1]]
            np.maximum(part, mark, out=part)
    return mask, base


def _mark(letter: str, size_px: int) -> Image:
    """The mark above a letter, without the letter."""
    size = round(1.75 * size_px), 2 * size_px
    marked, bare = np.zeros(size, np.uint8), np.zeros(size, np.uint8)
    _put(marked, letter, (0, round(1.25 * size_px)), size_px)
    _put(bare, plain(letter), (0, round(1.25 * size_px)), size_px)
    return np.where(bare > 0, 0, marked).astype(np.uint8)


def _advance(text: str, size_px: int) -> int:
    text = "".join(_FIXED.get(letter, letter)[0] for letter in text)
    if UNICODE:
        end, _ = cv2.putText(np.zeros((1, 1), np.uint8), text, (0, 0), (0,), _face(), size_px)
        return end[0]
    return cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size_px / _HERSHEY_PX, 1)[0][0]


def _put(mask: Image, text: str, at: tuple[int, int], size_px: int) -> None:
    if UNICODE:
        cv2.putText(mask, text, at, (255,), _face(), size_px)
    else:
        scale, thickness = size_px / _HERSHEY_PX, max(1, round(size_px / 16))
        cv2.putText(mask, text, at, cv2.FONT_HERSHEY_SIMPLEX, scale, (255,), thickness, cv2.LINE_AA)


@cache
def _face() -> cv2.FontFace:
    return cv2.FontFace(_FONT)


def _paint(canvas: Image, mask: Image, left: int, top: int, color: Color) -> None:
    """Blend a colour in where there is ink."""
    height, width = canvas.shape[:2]
    cut = mask[max(0, -top) : max(0, height - top), max(0, -left) : max(0, width - left)]
    left, top = max(0, left), max(0, top)
    part = canvas[top : top + cut.shape[0], left : left + cut.shape[1]]
    ink = cut[..., None] / 255.0
    part[...] = np.rint(part * (1 - ink) + np.array(color) * ink).astype(np.uint8)
