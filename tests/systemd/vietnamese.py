"""The Vietnamese texts of the project, and the glossary that they follow."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from agent.locale.language import DOMAIN
from tests.conftest import ROOT
from tests.locale.catalogues import FOLDER, forms, messages, read

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GLOSSARY = ROOT / "systemd" / "glossary.md"
# Letters that no other language here has.
_LETTERS = re.compile("[ăâđêôơưạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹ]", re.IGNORECASE)


def chosen() -> dict[str, tuple[str, ...]]:
    """The glossary: each Vietnamese term, and what is not to be said instead."""
    terms = {}
    for line in GLOSSARY.read_text(encoding="utf-8").splitlines():
        if line.startswith("| ") and not line.startswith(("| thing |", "| --- |")):
            _, term, others, decided_by = (cell.strip() for cell in line.strip("|").split("|"))
            assert term not in terms, term
            assert decided_by, term
            terms[term] = tuple(other.strip() for other in others.split(";"))
    return terms


def rejected_in(text: str) -> list[str]:
    """What a text says that the glossary does not want."""
    terms = chosen()
    # Names of buttons and menus are other programs' own words.
    text = re.sub("“[^”]*”", "·", " ".join(text.lower().split()))
    # "máy chủ MQTT" holds "máy chủ", which alone is not said.
    for term in sorted(terms, key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(term.lower())}(?!\w)", "·", text)
    return [
        f"'{other}' instead of '{term}'"
        for term, others in terms.items()
        for other in others
        if re.search(rf"(?<!\w){re.escape(other.lower())}(?!\w)", text)
    ]


def texts() -> Iterator[tuple[str, str]]:
    """All of the project's Vietnamese, each with where it is: of programs, catalogue, guide and examples."""
    for path in sorted(ROOT.glob("agent/**/*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and _LETTERS.search(node.value):
                yield f"{_name(path)}:{node.lineno}", node.value
    catalogue = FOLDER / "vi" / "LC_MESSAGES" / f"{DOMAIN}.po"
    for message in messages(read(catalogue)):
        for text in forms(message.string):
            yield f"{_name(catalogue)}: {message.id}", text
    for path in _files():
        for number, paragraph in _paragraphs(path):
            if _LETTERS.search(paragraph):
                yield f"{_name(path)}:{number}", paragraph


def _files() -> Iterator[Path]:
    yield ROOT / "README.md"
    for pattern in ("systemd/*", "agent/config/examples/*", "deploy/**/*"):
        for path in sorted(ROOT.glob(pattern)):
            if path.is_file() and path != GLOSSARY and path.suffix not in {".pyc", ".jpg"}:
                yield path


def _paragraphs(path: Path) -> Iterator[tuple[int, str]]:
    """What stands together, with the line that it begins in; a term may run over the end of a line."""
    paragraph: list[str] = []
    begins = 1
    for number, line in enumerate([*path.read_text(encoding="utf-8").splitlines(), ""], start=1):
        if line.strip():
            begins = begins if paragraph else number
            paragraph.append(line.strip("# "))
        elif paragraph:
            yield begins, " ".join(paragraph)
            paragraph = []


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))
