"""English texts for people use the plain word: start, fix, report instead of begin, mend, tell."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

import pytest

from agent.core import log_messages
from agent.core.log_messages import LogMessage
from tests import pages
from tests.conftest import ROOT
from tests.locale.catalogues import forms, messages, template
from tests.systemd.catalogue import explained

if TYPE_CHECKING:
    from collections.abc import Iterator

# "Tell whoever …" is said to a person, and a person does it.
_RIDDLES = re.compile(
    r"\b(anew|mend(s|ed)?|begin(s|ning)?|began|begun|heed(s|ed)?|hears?|tells?(?! whoever)|told|hangs? up)\b",
    re.IGNORECASE,
)


def texts() -> Iterator[tuple[str, str]]:
    """English texts that people read, each with where it is."""
    for name, line in vars(log_messages).items():
        if isinstance(line, LogMessage):
            yield name, line
    for said in explained("en").values():
        yield said.subject, f"{said.subject}. {said.text}"
    for message in messages(template()):
        for text in forms(message.id):
            yield text, text
    for path in sorted(ROOT.glob("agent/cli/*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
                yield f"{path.name}:{node.lineno}", node.value
    yield from _of_pages()


def _of_pages() -> Iterator[tuple[str, str]]:
    for page in pages.pages():
        # The other languages have words of their own, and what is made by a program is judged at its source.
        if not page.name.endswith(".vi.md") and page.name != "field-guide.md":
            yield page.name, pages.prose(page)


def test_texts_for_people_use_plain_words() -> None:
    found = [
        f"{where}: {word[0]!r} in {word.string[: word.end()][-80:]}"
        for where, text in texts()
        for word in _RIDDLES.finditer(text)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("riddle", ["the agent begins anew", "Mend the file", "nobody tells", "it hangs up"])
def test_riddle_is_seen(riddle: str) -> None:
    assert _RIDDLES.search(riddle)
    assert not _RIDDLES.search("Start it again, fix the file and tell whoever runs the central system")
