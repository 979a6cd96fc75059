#!/usr/bin/env python3
"""Writer of the manual pages: presence-agent(1) from --help, agent.toml(5) from the configuration's models.

    python deploy/man_pages.py FOLDER    man1/presence-agent.1 in it, vi/man1/presence-agent.1, …

FOLDER is laid out as /usr/share/man; there is a page in English and in each language that has a catalogue.
The Python is that of an environment with the agent, whose translations are compiled.
"""

from __future__ import annotations

import argparse
import sys
import textwrap
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from agent.cli.help import CHOICES, DEFAULT, REQUIRED  # noqa: E402
from agent.cli.help_pages import help_pages  # noqa: E402
from agent.cli.log import CONFIG  # noqa: E402
from agent.cli.main import app  # noqa: E402
from agent.config.models import LogConfig  # noqa: E402
from agent.config.reference import reference  # noqa: E402
from agent.install.commit import commit_to_build  # noqa: E402
from agent.locale.language import DOMAIN, NC_, language_of  # noqa: E402
from agent.locale.problems import as_sentence  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator
    from gettext import NullTranslations

    from agent.cli.help_pages import HelpLine, HelpPage
    from agent.config.reference import KeyReference, TableReference

COMMAND = "presence-agent"
FILE = CONFIG.name
# What roff would take for something else, or set as another letter.
_SPECIAL = str.maketrans(
    {"\\": r"\(rs", "-": r"\-", "'": r"\(aq", "`": r"\(ga", "^": r"\(ha", "~": r"\(ti", '"': r"\(dq"}
)

# Names of options are never parted at the end of a line, nor blanks put between words to fill it.
_UNBROKEN = (".nh", ".if n .ad l")
# Of a line in the file, for who reads that; `man` fills lines by itself.
_WIDTH = 78

_SECTIONS = {
    "name": NC_("man", "NAME"),
    "synopsis": NC_("man", "SYNOPSIS"),
    "description": NC_("man", "DESCRIPTION"),
    "options": NC_("man", "OPTIONS"),
    "commands": NC_("man", "COMMANDS"),
    "tables": NC_("man", "TABLES AND KEYS"),
    "exit": NC_("man", "EXIT STATUS"),
    "environment": NC_("man", "ENVIRONMENT"),
    "files": NC_("man", "FILES"),
    "example": NC_("man", "EXAMPLE"),
    "see": NC_("man", "SEE ALSO"),
}
_EXIT = {
    "0": NC_("man", "Good."),
    "1": NC_(
        "man",
        "A fault at run time, such as a recording that breaks off or a log that can't be written; "
        "`doctor` and `log verify`: they found one.",
    ),
    "2": NC_(
        "man",
        "The configuration, an argument, a source, weights or a certificate file can't be read. "
        "The service is not started again after it.",
    ),
    "130": NC_("man", "Interrupted by Ctrl-C."),
}
_ENVIRONMENT = {
    "LC_ALL, LC_MESSAGES, LANG": NC_("man", "Language of help and answers: the first of these that is set."),
    "PRESENCE_AGENT_MODELS": NC_("man", "Folder of the weights, instead of the usual one."),
}
_FILES = {
    str(CONFIG): NC_("man", "The configuration, see agent.toml(5)."),
    str(LogConfig().path): NC_("man", "The event log."),
    "/usr/share/doc/presence-agent": NC_("man", "Pages for installers and technicians."),
}
_FILE_NAME = NC_("man", "configuration of presence-agent")
_FILE_TEXT = (
    NC_(
        "man",
        "One file in TOML, UTF-8. A key that is not named here is an error. `[device]` and `[camera]` "
        "have to be there; everything else may be left out. A table with two pairs of brackets may be "
        "there several times.",
    ),
    NC_(
        "man",
        "Points are fractions of the picture, from 0 to 1: x to the right, y down. A point is `[x, y]`.",
    ),
    NC_(
        "man",
        "`presence-agent check --example gate` prints one to start with, and `presence-agent check` says "
        "what is wrong with it. `systemctl reload presence-agent` puts a changed file in force.",
    ),
)
_NOT_SET = NC_("man", "[not set by default]")
_EXAMPLE = NC_("man", "Example: {example}")


class ManPage:
    """A page in roff, of the macros that `man` knows everywhere.

    Args:
        name: of the page.
        section: of the manual.
        language: of its own words.
    """

    def __init__(self, name: str, section: int, language: NullTranslations) -> None:
        self._language = language
        day = commit_to_build(ROOT).day or ""
        version = f"{DOMAIN} {metadata.version(DOMAIN)}"
        title = " ".join(f'"{part}"' for part in (_roff(name.upper()), section, day, _roff(version)))
        self._lines = [
            rf".\" Made by deploy/{Path(__file__).name}. -*- coding: UTF-8 -*-",
            f".TH {title}",
            *_UNBROKEN,
        ]

    def words(self, text: str) -> str:
        """A text of a page's own, in its language."""
        return self._language.pgettext("man", text)

    def section(self, name: str) -> None:
        """Start a section, by its key."""
        self._lines.append(f'.SH "{_roff(self.words(_SECTIONS[name]))}"')

    def part(self, title: str) -> None:
        """Start a part of a section."""
        self._lines.append(f'.SS "{_roff(title)}"')

    def name(self, name: str, text: str) -> None:
        """Say what the page is on, as whatis(1) finds it."""
        self.section("name")
        self._lines.append(rf"{_roff(name)} \- {_roff(text)}")

    def line(self, roff: str) -> None:
        """Add a line that is roff already."""
        self._lines.append(roff)

    def paragraphs(self, *texts: str, after: str = ".PP") -> None:
        """Add texts, with what comes between two of them."""
        for number, text in enumerate(texts):
            if number:
                self._lines.append(after)
            self._lines += map(
                _not_a_request,
                textwrap.wrap(_marked(text), _WIDTH, break_long_words=False, break_on_hyphens=False),
            )

    def item(self, tag: str, *texts: str) -> None:
        """Add something with its explanation.

        Args:
            tag: in roff.
            texts: paragraphs of the explanation.
        """
        self._lines += [".TP", tag]
        self.paragraphs(*texts, after=".IP")

    def listed(self, section: str, entries: dict[str, str]) -> None:
        """Add a section of names and their explanations."""
        self.section(section)
        for name, text in entries.items():
            self.item(_bold(name), self.words(text))

    def see(self, *pages: tuple[str, int]) -> None:
        """Name other pages."""
        self.section("see")
        self._lines.append(",\n".join(f"{_bold(name)}({section})" for name, section in pages))

    def text(self) -> str:
        """The whole page."""
        return "\n".join((*self._lines, ""))


def command_page(language: NullTranslations) -> str:
    """presence-agent(1) in a language."""
    page = ManPage(COMMAND, 1, language)
    first, *others = sorted(help_pages(app), key=lambda one: one.words)
    summary, *description = map(language.gettext, first.text)
    page.name(COMMAND, summary.removesuffix("."))
    page.section("synopsis")
    ends = [one for one in others if not any(other.words[:-1] == one.words for other in others)]
    for number, one in enumerate(ends):
        if number:
            page.line(".br")
        page.line(_usage(one))
    page.section("description")
    page.paragraphs(summary, *description)
    page.section("options")
    for line in _lines(first):
        if line.names[0].startswith("-"):
            _option(page, line, language)
    page.section("commands")
    for one in others:
        page.part(one.usage.removeprefix(f"{COMMAND} "))
        page.paragraphs(*map(language.gettext, one.text))
        if one in ends:
            for line in _lines(one):
                _option(page, line, language)
    page.listed("exit", _EXIT)
    page.listed("environment", _ENVIRONMENT)
    page.listed("files", _FILES)
    page.see((FILE, 5), ("systemctl", 1), ("journalctl", 1))
    return page.text()


def file_page(language: NullTranslations) -> str:
    """agent.toml(5) in a language."""
    tables = reference()
    page = ManPage(FILE, 5, language)
    page.name(FILE, page.words(_FILE_NAME))
    page.section("synopsis")
    page.line(_italic(str(CONFIG)))
    page.section("description")
    page.paragraphs(*map(page.words, _FILE_TEXT))
    page.section("tables")
    for table in tables:
        page.part(table.header)
        text = language.pgettext("agent.toml", table.text)
        required = f" {language.pgettext('help', REQUIRED)}" if table.is_required else ""
        page.paragraphs(f"{_sentence(text)}{required}")
        for key in table.keys:
            page.item(_bold(key.name), _explained(page, key, language))
    page.section("example")
    page.line(".EX")
    page.line(_roff("\n".join(_shortest(tables))))
    page.line(".EE")
    page.see((COMMAND, 1), ("systemctl", 1))
    return page.text()


def _lines(page: HelpPage) -> Iterator[HelpLine]:
    return (line for section in page.sections for line in section.lines)


def _usage(page: HelpPage) -> str:
    words = f"{COMMAND} {' '.join(page.words)}"
    return _bold(words) + _roff(page.usage.removeprefix(words))


def _option(page: ManPage, line: HelpLine, language: NullTranslations) -> None:
    value = f" {_italic(line.value)}" if line.value else ""
    *before, last = line.text or ("",)
    notes = []
    if line.choices:
        notes.append(language.pgettext("help", CHOICES).format(values=", ".join(line.choices)))
    if line.default is not None:
        notes.append(language.pgettext("help", DEFAULT).format(value=line.default))
    if line.is_required:
        notes.append(language.pgettext("help", REQUIRED))
    texts = [*map(language.gettext, before), " ".join((language.gettext(last), *notes))]
    page.item(", ".join(map(_bold, line.names)) + value, *texts)


def _explained(page: ManPage, key: KeyReference, language: NullTranslations) -> str:
    right = _sentence(as_sentence(key.right, language))
    parts = [language.pgettext("agent.toml", key.text), right]
    if key.example:
        parts.append(_sentence(page.words(_EXAMPLE).format(example=f"`{key.name} = {key.example}`")))
    if key.is_required:
        parts.append(language.pgettext("help", REQUIRED))
    elif key.default is None:
        parts.append(page.words(_NOT_SET))
    else:
        parts.append(language.pgettext("help", DEFAULT).format(value=key.default))
    return " ".join(parts)


def _shortest(tables: tuple[TableReference, ...]) -> Iterator[str]:
    """The smallest file that is whole."""
    for table in tables:
        if table.is_required:
            yield table.header
            yield from (f"{key.name} = {key.example}" for key in table.keys if key.is_required)
            yield ""


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('.', '`')) else '.'}"


def _roff(text: str) -> str:
    """A text as roff shows it, letter by letter."""
    return "\n".join(map(_not_a_request, text.translate(_SPECIAL).split("\n")))


def _not_a_request(line: str) -> str:
    return rf"\&{line}" if line.startswith(".") else line


def _marked(text: str) -> str:
    """A help text, in which names stand between backticks."""
    parts = text.split("`")
    return "".join(_bold(part) if number % 2 else _roff(part) for number, part in enumerate(parts))


def _bold(text: str) -> str:
    return rf"\fB{_roff(text)}\fR"


def _italic(text: str) -> str:
    return rf"\fI{_roff(text)}\fR"


def main(folder: Path) -> None:
    """Write the pages of all languages."""
    catalogues = sorted((ROOT / "agent" / "locale").glob("*/LC_MESSAGES"))
    for code in ("", *(path.parent.name for path in catalogues)):
        language = language_of(code)
        if code and not language.info():
            sys.exit(
                f"The texts for {code} are not compiled: run 'python deploy/build_translations.py' first."
            )
        pages = {f"man1/{COMMAND}.1": command_page(language), f"man5/{FILE}.5": file_page(language)}
        for name, text in pages.items():
            path = folder / code / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            path.chmod(0o644)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    main(parser.parse_args().folder)
