"""Help pages are in the reader's language, and in English just as cyclopts shows them."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

import pytest
from cyclopts.help import DefaultFormatter
from rich.console import Console

from agent.cli.help_pages import commands
from agent.cli.main import app
from tests.locale.catalogues import help_texts

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Ran

EACH = pytest.mark.parametrize(
    "words", list(commands(app)), ids=lambda words: " ".join(words) or "first page"
)
# So wide that nothing is wrapped.
WIDE = 1000


def shown(words: tuple[str, ...]) -> str:
    console = Console(file=io.StringIO(), width=WIDE)
    with console.capture() as page:
        app.help_print(words, console=console)
    return page.get()


@EACH
def test_english_is_what_cyclopts_shows(monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]) -> None:
    monkeypatch.setenv("LC_ALL", "en_GB.UTF-8")
    ours = shown(words)
    monkeypatch.setattr(app, "help_formatter", DefaultFormatter())
    assert ours == shown(words)


@EACH
def test_vietnamese_has_no_english(monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]) -> None:
    monkeypatch.setenv("LC_ALL", "vi_VN.UTF-8")
    page = shown(words)
    assert page.startswith(f"Cách dùng: {' '.join([app.name[0], *words])}")
    # Names of commands stand out in a help text, without their quotation marks.
    texts = {text.replace("`", "") for text in help_texts()}
    assert not [text for text in texts if re.search(rf"(?<!\w){re.escape(text)}(?!\w)", page)]
    assert not re.search(r"Usage:|\[(default|required|choices)", page)


def test_summary_of_a_command_is_its_line_in_the_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "vi_VN.UTF-8")
    summary = "Kiểm tra mọi thứ phần mềm cần, mỗi mục một dòng, kèm cách xử lý."
    assert re.search(rf"\bdoctor +{re.escape(summary)}", shown(()))
    assert summary in shown(("doctor",))


def test_command(presence_agent: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "vi_VN.UTF-8")
    told = presence_agent("log", "plot", "--help")
    assert (told.code, told.err) == (0, "")
    assert "Tệp hình cần ghi (.png). [bắt buộc]" in told.out
