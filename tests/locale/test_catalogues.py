"""Catalogues have all texts of the code and nothing else, whole, with the same values to put in."""

from __future__ import annotations

import ast
import re
import shutil
import string
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.conftest import ROOT
from tests.locale.catalogues import KEYWORDS, content, forms, messages, paths, read, template, updated

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from babel.messages.catalog import Message

EACH = pytest.mark.parametrize("path", list(paths()), ids=lambda path: path.parts[-3])
VIETNAMESE = re.compile("[ăâđêôơưạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹ]", re.IGNORECASE)
# Vietnamese in the code that is no translation.
NAMES_AND_LETTERS = {
    "central/simulate/plan.py": "places of a made-up office",
    "config/models.py": "a place in the example of a field",
    "config/types.py": "letters that an id can't have",
    "render/text.py": "letters that are drawn by hand",
    "wire/examples.py": "a place in an example",
}


def values(text: str) -> set[tuple[str, str]]:
    """What is put into a text, each with its form."""
    return {(name, form or "") for _, name, form, _ in string.Formatter().parse(text) if name is not None}


def test_vietnamese_is_there() -> None:
    assert "vi" in {path.parts[-3] for path in paths()}


@EACH
def test_catalogue_has_the_texts_of_the_code(path: Path) -> None:
    now = content(read(path), with_header=False)
    assert now == content(updated(path, template()), with_header=False), "python -m tests.locale.catalogues"


@EACH
def test_all_is_translated(path: Path) -> None:
    found = list(messages(read(path)))
    assert len(found) > 500
    assert not [
        message.id
        for message in found
        if message.fuzzy or not forms(message.string) or not all(forms(message.string))
    ]
    assert b"\n#~ " not in path.read_bytes()


@EACH
def test_translation_puts_in_the_same_values(path: Path) -> None:
    def differing(message: Message) -> Iterator[str]:
        # The plural has what the singular may leave out: "one zone".
        english = values(forms(message.id)[-1])
        yield from (text for text in forms(message.string) if values(text) != english)

    assert not [text for message in messages(read(path)) for text in differing(message)]


@EACH
def test_checks_of_babel(path: Path) -> None:
    catalog = read(path)
    assert not [(message.id, list(map(str, found))) for message, found in catalog.check()]


@pytest.mark.skipif(shutil.which("msgfmt") is None, reason="msgfmt is not installed (Debian: gettext)")
@EACH
def test_checks_of_gettext(path: Path) -> None:
    done = subprocess.run(
        ["msgfmt", "--check", "--output-file=/dev/null", path], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_texts_can_be_found() -> None:
    """Not in an f-string, nor made when the program runs: the tool reads the code."""

    def is_lost(node: ast.AST) -> bool:
        marks = (
            isinstance(node, ast.Call)
            and getattr(node.func, "attr", getattr(node.func, "id", "")) in KEYWORDS
        )
        return marks and any(isinstance(part, ast.JoinedStr) for part in ast.walk(node))

    def holds_a_text(node: ast.AST) -> bool:
        calls = (part for part in ast.walk(node) if isinstance(part, ast.Call) and part.args)
        return isinstance(node, ast.JoinedStr) and any(
            getattr(call.func, "attr", "") in KEYWORDS and isinstance(call.args[-1], ast.Constant)
            for call in calls
        )

    assert not [
        f"{path}:{node.lineno}"
        for path in (ROOT / "agent").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.expr) and (is_lost(node) or holds_a_text(node))
    ]


def test_code_has_no_translations() -> None:
    found = {
        str(path.relative_to(ROOT / "agent"))
        for path in (ROOT / "agent").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and VIETNAMESE.search(node.value)
    }
    assert found == set(NAMES_AND_LETTERS)
