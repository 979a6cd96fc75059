"""Translation of problems that other parts of the agent, the system or a library name in English."""

from __future__ import annotations

import re
from functools import cache

from agent.doctor.messages_causes import CAUSES, CAUSES_OF
from agent.doctor.messages_configuration import CONFIGURATION_PROBLEMS
from agent.doctor.messages_problems import PROBLEMS

# What is put in for these is a problem itself.
_NESTED = "problem"
# Names of settings and tables, several of them.
_LISTED = "listed"


def in_vietnamese(problem: str) -> str:
    """A problem in Vietnamese; one that no table has stays as it is, in quotation marks."""
    sentence = problem.strip().removesuffix(".")
    if sentence in CAUSES:
        return CAUSES[sentence]
    for pattern, vietnamese in _patterns():
        if found := pattern.fullmatch(sentence):
            return vietnamese.format(
                **{name: _translated(name, value) for name, value in found.groupdict().items()}
            )
    return f"“{sentence}”"


def _translated(name: str, value: str) -> str:
    if name.startswith(_NESTED):
        return in_vietnamese(value)
    if name.startswith(_LISTED):
        return value.replace(" and ", " và ").replace(" or ", " hoặc ")
    return value


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    """In the order of the tables: the more exact sentence comes first."""
    return tuple(
        (re.compile(_pattern(english)), vietnamese)
        for english, vietnamese in (*CAUSES_OF, *PROBLEMS, *CONFIGURATION_PROBLEMS)
    )


def _pattern(english: str) -> str:
    """A sentence with {…} as a pattern that finds what was put in."""
    parts = re.split(r"\{(\w+)\}", english.removesuffix("."))
    return "".join(f"(?P<{part}>.+?)" if place % 2 else re.escape(part) for place, part in enumerate(parts))
