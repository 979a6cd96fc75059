"""Catalogues of translations, kept in step with the code.

    python -m tests.locale.catalogues        new texts of the code go into each catalogue, others out
    python -m tests.locale.catalogues fr     starts a catalogue for another language first

What is not translated yet is empty; for a text that was changed the old translation is proposed, marked
`fuzzy`. Tests want neither.
"""

from __future__ import annotations

import io
import sys
from datetime import UTC, datetime
from importlib import metadata
from typing import TYPE_CHECKING

from babel.core import Locale
from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.pofile import read_po, write_po

from agent.cli.help_pages import help_pages
from agent.cli.main import app
from agent.config.reference import reference
from agent.locale.language import DOMAIN
from tests.conftest import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from babel.messages.catalog import Message

FOLDER = ROOT / "agent" / "locale"
# Functions that mark a text, and which of their arguments are texts; `c` is the context.
KEYWORDS = {
    "N_": None,
    "NN_": (1, 2),
    "NC_": ((1, "c"), 2),
    "gettext": None,
    "ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
}
# A comment that begins so, above a text, is for whoever translates it.
COMMENT = "For translators:"


def paths() -> Iterator[Path]:
    """The catalogue of each language."""
    yield from sorted(FOLDER.glob(f"*/LC_MESSAGES/{DOMAIN}.po"))


def read(path: Path) -> Catalog:
    """A catalogue as its file has it."""
    with path.open("rb") as file:
        return read_po(file, abort_invalid=True)


def messages(catalog: Catalog) -> Iterator[Message]:
    """Texts of a catalogue; its header is none."""
    return (message for message in catalog if message.id)


def forms(text: str | Sequence[str] | None) -> list[str]:
    """A text with its plural forms."""
    return [text] if isinstance(text, str) else list(text or ())


def template() -> Catalog:
    """All texts of the code that are marked, by file, in their order there."""
    found = Catalog(domain=DOMAIN)
    for path in (*sorted((ROOT / "agent").rglob("*.py")), *sorted((ROOT / "deploy").glob("*.py"))):
        where = str(path.relative_to(ROOT))
        with path.open("rb") as file:
            for line, text, comments, context in extract("python", file, KEYWORDS, (COMMENT,)):
                found.add(text, locations=[(where, line)], auto_comments=comments, context=context)
    for path in sorted((ROOT / "agent").rglob("templates/*.html")):
        with path.open("rb") as file:
            for line, text, comments, _ in extract("jinja2.ext:babel_extract", file, {"_": None}):
                found.add(text, locations=[(str(path.relative_to(ROOT)), line)], auto_comments=comments)
    for text, page in help_texts().items():
        found.add(text, auto_comments=[page])
    for text, where in configuration_texts().items():
        found.add(text, auto_comments=[where], context="agent.toml")
    return found


def help_texts() -> dict[str, str]:
    """Texts of all help pages, cyclopts' own too, each with the first command that shows it."""
    found: dict[str, str] = {}
    for page in help_pages(app):
        shown = [*page.text]
        for section in page.sections:
            shown += [section.title, *(text for line in section.lines for text in line.text)]
        for text in shown:
            found.setdefault(text, " ".join([app.name[0], *page.words, "--help"]))
    return found


def configuration_texts() -> dict[str, str]:
    """Texts of the configuration's tables and keys, each with the first that has it."""
    found: dict[str, str] = {}
    for table in reference():
        found.setdefault(table.text, table.header)
        for key in table.keys:
            found.setdefault(key.text, f"{table.header} {key.name}")
    return found


def content(catalog: Catalog, *, with_header: bool = True) -> bytes:
    """What the file of a catalogue has in it."""
    for message in catalog:
        # A % is of a date here.
        message.flags.discard("python-format")
    file = io.BytesIO()
    write_po(
        file,
        catalog,
        width=110,
        omit_header=not with_header,
        include_lineno=False,
        ignore_obsolete=True,
    )
    return file.getvalue()


def updated(path: Path, texts: Catalog) -> Catalog:
    """A catalogue with these texts, and the translations that it has of them."""
    catalog = read(path)
    catalog.update(texts, update_creation_date=False)
    return catalog


def start(language: str) -> None:
    """Make a catalogue that has no text yet."""
    path = FOLDER / language / "LC_MESSAGES" / f"{DOMAIN}.po"
    path.parent.mkdir(parents=True)
    name = Locale.parse(language).get_display_name("en") or language
    catalog = Catalog(
        language,
        DOMAIN,
        f"# {name} texts of presence-agent; agent/README.md says how they are kept.",
        project=DOMAIN,
        version=metadata.version(DOMAIN),
        msgid_bugs_address=DOMAIN,
        last_translator=DOMAIN,
        language_team=name,
        revision_date=datetime.now(UTC),
        fuzzy=False,
    )
    path.write_bytes(content(catalog))


def main(languages: list[str]) -> None:
    """Write all catalogues anew."""
    for language in languages:
        start(language)
    texts = template()
    for path in paths():
        path.write_bytes(content(updated(path, texts)))
        found = list(messages(read(path)))
        left = sum(not message.string or message.fuzzy for message in found)
        print(f"{path.relative_to(ROOT)}: {len(found)} texts, {left} to translate")


if __name__ == "__main__":
    main(sys.argv[1:])
