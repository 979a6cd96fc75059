"""Translation of problems that other parts of the agent, the system or a library name in English."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from agent.locale.agent_problems import AGENT_PROBLEMS
from agent.locale.causes import CAUSES, CAUSES_OF
from agent.locale.centre_problems import CENTRE_PROBLEMS
from agent.locale.command_problems import COMMAND_PROBLEMS
from agent.locale.configuration_problems import CONFIGURATION_PROBLEMS
from agent.locale.language import NC_, in_context
from agent.locale.log_problems import LOG_PROBLEMS

if TYPE_CHECKING:
    from gettext import NullTranslations

# All with something put in, the more exact one first: whatever is wrong with a value looks like many others.
SENTENCES: tuple[str, ...] = (
    *CAUSES_OF,
    *LOG_PROBLEMS,
    *COMMAND_PROBLEMS,
    *AGENT_PROBLEMS,
    *CONFIGURATION_PROBLEMS,
    *CENTRE_PROBLEMS,
)
# What is put in for these is a problem itself.
_NESTED = "problem"
# Names of settings, tables or characters, several of them; and words that are between them, or are some.
_LISTED = "listed"
_WORDS = (
    NC_("list", " and "),
    NC_("list", " or "),
    NC_("list", "a space"),
    NC_("list", "capital letters"),
    NC_("list", "a control character"),
)


def translated(problem: str, language: NullTranslations) -> str:
    """A problem in a report's language; one that no table has stays English, there in quotation marks."""
    if not language.info():
        # There is no catalogue: the report is English.
        return problem
    sentence = problem.strip().removesuffix(".")
    if sentence in CAUSES:
        return language.pgettext("cause", sentence)
    for pattern, text in _patterns():
        if found := pattern.fullmatch(sentence):
            values = {name: _value(name, value, language) for name, value in found.groupdict().items()}
            return in_context(language, "problem", text).format(**values)
    return _as_it_is(sentence)


def _as_it_is(problem: str) -> str:
    return f"“{problem.strip().removesuffix('.')}”"


def _value(name: str, value: str, language: NullTranslations) -> str:
    if name.startswith(_NESTED):
        return translated(value, language)
    if name.startswith(_LISTED):
        for word in _WORDS:
            value = value.replace(word, language.pgettext("list", word))
    return value


def as_sentence(problem: str, language: NullTranslations) -> str:
    """A problem that stands by itself: with a capital letter and a full stop; a rare one stays English."""
    text = translated(problem, language)
    if text in {problem, _as_it_is(problem)}:
        return problem
    first = text.split(" ", 1)[0]
    # Not the name of a file or a setting.
    start = text[:1].upper() if first.isalpha() else text[:1]
    return f"{start}{text[1:]}{'' if text.endswith(('.', '?')) else '.'}"


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    """In the order of the tables: the more exact sentence comes first."""
    return tuple((re.compile(_pattern(english), re.DOTALL), english) for english in SENTENCES)


def _pattern(english: str) -> str:
    """A sentence with {…} as a pattern that finds what was put in."""
    parts = re.split(r"\{(\w+)\}", english.removesuffix("."))
    return "".join(_put_in(part) if place % 2 else re.escape(part) for place, part in enumerate(parts))


def _put_in(name: str) -> str:
    # A value may be empty, which is often what is wrong with it; a problem never is.
    return f"(?P<{name}>.{'+' if name.startswith(_NESTED) else '*'}?)"
