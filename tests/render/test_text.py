"""Words in pictures: every letter of Vietnamese is itself, and nothing that is written can do harm."""

from __future__ import annotations

import subprocess
import sys
import unicodedata
from typing import TYPE_CHECKING

import numpy as np
import pytest

from agent.render import text as lettering
from agent.render.text import fitted, in_lines, plain, width_px, write, write_outlined

if TYPE_CHECKING:
    from numpy.typing import NDArray

LOWER = "aàáảãạăằắẳẵặâầấẩẫậeèéẻẽẹêềếểễệiìíỉĩịoòóỏõọôồốổỗộơờớởỡợuùúủũụưừứửữựyỳýỷỹỵđ"
LETTERS = LOWER + LOWER.upper()

needs_unicode = pytest.mark.skipif(not lettering.UNICODE, reason="this OpenCV has no font but ASCII")


def written(text: str, size_px: int = 40) -> NDArray[np.uint8]:
    canvas = np.full((100, 600, 3), 255, np.uint8)
    write(canvas, text, (20, 70), size_px, (0, 0, 0))
    return canvas


@needs_unicode
def test_letters_are_all_different() -> None:
    seen: dict[bytes, str] = {}
    for letter in LETTERS + "?":
        picture = written(letter).tobytes()
        assert picture not in seen, (letter, seen[picture])
        seen[picture] = letter


@needs_unicode
@pytest.mark.parametrize("letter", "ờỡ")
def test_letter_of_its_parts(letter: str) -> None:
    # What the font has wrong: the letter below, and a mark that its brothers have in the same place.
    ink, bare = written(letter) < 128, written("ơ") < 128
    assert (ink & bare).sum() == bare.sum()
    brother = {"ờ": "ừ", "ỡ": "ữ"}[letter]
    mark, like = ink & ~bare, (written(brother) < 128) & ~(written("ư") < 128)
    assert mark.sum() == pytest.approx(like.sum(), rel=0.5)
    # Above the letter.
    assert np.argwhere(mark)[:, 0].max() < 55


@needs_unicode
def test_letters_in_two_forms() -> None:
    # As some keyboards write them: letter and mark apart.
    text = "Bộ phận một cửa, giờ"
    np.testing.assert_array_equal(written(text), written(unicodedata.normalize("NFD", text)))


@pytest.mark.parametrize(
    "text", ["", " ", "a\nb", "a\x1b[2J", "\ud800", "a\ud800b", "\u202e", "😀", "x" * 9_999]
)
def test_write_anything(text: str) -> None:
    # In a process of its own: on half a character OpenCV crashes.
    script = (
        "import numpy; from agent.render.text import write; "
        f"write(numpy.zeros((9, 9, 3), 'u1'), {text!r}, (0, 9), 20, (1, 2, 3))"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.parametrize(
    "at", [(-40, 5), (590, 70), (300, 104), (-900, 50), (9_000, 50), (50, -900), (50, 9_000)]
)
def test_write_over_the_edge(at: tuple[int, int]) -> None:
    canvas = np.full((100, 600, 3), 77, np.uint8)
    write(canvas, "Bộ phận", at, 40, (0, 0, 0))
    seen = (canvas != 77).any()
    assert seen == (-100 < at[0] < 600 and -10 < at[1] < 140)


def test_write_color() -> None:
    canvas = np.full((100, 600, 3), 255, np.uint8)
    write(canvas, "HHH", (20, 70), 60, (10, 100, 200))
    assert (canvas == (10, 100, 200)).all(axis=2).sum() > 300


def test_write_outlined_on_any_ground() -> None:
    for grey in (0, 128, 255):
        canvas = np.full((100, 600, 3), grey, np.uint8)
        write_outlined(canvas, "HHH", (20, 70), 40, (255, 255, 255))
        assert (canvas == 255).all(axis=2).sum() > 100
        assert (canvas == 0).all(axis=2).sum() > 100


def test_fitted() -> None:
    text = "abcdefgh-abcdefgh-abcdefgh-01234"
    assert fitted(text, 30, 9_999) == text
    cut = fitted(text, 30, 200)
    assert cut.startswith("abcdefgh")
    assert cut.endswith("...")
    assert 150 < width_px(cut, 30) <= 200


def test_in_lines() -> None:
    text = "abcdefgh-abcdefgh-abcdefgh-01234"
    assert in_lines("desk", 30, 200, 2) == ["desk"]
    assert in_lines("", 30, 200, 2) == []
    lines = in_lines(text, 30, 200, 9)
    assert "".join(lines) == text
    assert 2 < len(lines) < 5
    assert all(width_px(line, 30) <= 200 for line in lines)
    assert in_lines(text, 30, 200, 2) == [lines[0], fitted(text[len(lines[0]) :], 30, 200)]
    # Not even a letter has room.
    assert in_lines("ab", 30, 1, 5) == ["a", "b"]


def test_plain() -> None:
    vowels = "a" * 18 + "e" * 12 + "i" * 6 + "o" * 18 + "u" * 12 + "y" * 6 + "d"
    assert plain(LETTERS) == vowels + vowels.upper()
