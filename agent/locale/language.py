"""Language of the reader: English stands in the code, each other language in a catalogue beside this file.

Marked texts (`N_`, `NC_`, `NN_`, and what `gettext`, `ngettext` and `pgettext` are called with) are what a
catalogue translates. Journal lines are English and not marked.
"""

from __future__ import annotations

import os
import re
import struct
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gettext import NullTranslations

# Name of the catalogues.
DOMAIN = "presence-agent"
_FOLDER = Path(__file__).parent
# No path: language and country, before an encoding.
_LOCALE = re.compile(r"(?P<language>[A-Za-z]{2,8})([_-][A-Za-z]{2,4})?(?=[.@]|$)")


def N_(text: str) -> str:  # noqa: N802 - gettext's own name for it
    """Mark a text for the catalogues where it stands; it is translated where it is shown."""
    return text


def NC_(context: str, text: str) -> str:  # noqa: N802, ARG001 - the same; the catalogue has the context
    """Mark a text that means one thing here and may mean another elsewhere, as `N_`."""
    return text


def NN_(singular: str, plural: str) -> tuple[str, str]:  # noqa: N802 - as above
    """Mark a text on a number, both forms, as `N_`; shown by `ngettext`."""
    return singular, plural


def reader_language() -> NullTranslations:
    """Language that the environment asks for: LC_ALL, LC_MESSAGES or LANG, the first that is set."""
    return language_of(
        os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG") or ""
    )


@cache
def language_of(locale: str) -> NullTranslations:
    """Translations into the language of a locale; texts as they are where there is no catalogue for it.

    Args:
        locale: as in the environment: vi, vi_VN, vi_VN.UTF-8; C and en are English.
    """
    # Not above: what needs no words, such as `run`, must not load it.
    from gettext import GNUTranslations, NullTranslations  # noqa: PLC0415

    found = _LOCALE.match(locale)
    for name in (found[0], found["language"]) if found else ():
        try:
            with (_FOLDER / name / "LC_MESSAGES" / f"{DOMAIN}.mo").open("rb") as file:
                return GNUTranslations(file)
        except (OSError, ValueError, struct.error):
            # Not there, or damaged: whoever looks for what is wrong with a card is still answered.
            continue
    return NullTranslations()


def in_context(language: NullTranslations, context: str, text: str) -> str:
    """A text in the translation that it has in this context; without one, in that which it has everywhere."""
    translated = language.pgettext(context, text)
    return language.gettext(text) if translated == text else translated
