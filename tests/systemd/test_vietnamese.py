"""Vietnamese texts use one word for a thing, and say what the English ones say."""

from __future__ import annotations

import re

from agent.doctor.messages import MESSAGES
from agent.locale.language import in_context
from tests.locale.languages import VIETNAMESE
from tests.systemd.catalogue import explained
from tests.systemd.vietnamese import chosen, rejected_in, texts

# Commands in quotation marks; then what is typed or put in: settings, paths, events, reasons, {…}, @…@.
_TYPED = re.compile(
    r"(?<!\w)'[a-z][^']* [^']*'|@\w+@"
    r"|[\w.{}<>\[\]*-]*(?:[_/=\[{]|--|\w\.\w)[\w./\[\]={}<>:*#-]*"
)


def typed(text: str) -> set[str]:
    """What a text has of commands and names, which are the same in all languages."""
    return {found.strip(".,:;()") for found in _TYPED.findall(" ".join(text.split()))}


def test_glossary_is_one_to_one() -> None:
    terms = chosen()
    assert len(terms) > 40
    others = [other for rejected in terms.values() for other in rejected]
    assert len(set(others)) == len(others)
    assert not set(others) & set(terms)
    for term, rejected in terms.items():
        assert all(rejected), term


def test_rejected_word_is_seen_beside_a_chosen_one() -> None:
    assert rejected_in("Máy chủ MQTT từ chối") == []
    assert rejected_in("Máy chủ từ chối, trên máy chủ\nMQTT") == ["'máy chủ' instead of 'máy chủ MQTT'"]


def test_one_word_for_a_thing() -> None:
    found = [f"{where}: {wrong}" for where, text in texts() for wrong in rejected_in(text)]
    assert not found, "\n".join(found)


def test_catalogue_names_the_same_in_both_languages() -> None:
    english, vietnamese = explained("en"), explained("vi")
    assert list(english) == list(vietnamese)
    for message_id, said in english.items():
        both = [typed(f"{one.subject}\n{one.text}") for one in (said, vietnamese[message_id])]
        assert both[0] == both[1], (said.subject, both[0] ^ both[1])


def test_doctor_names_the_same_in_both_languages() -> None:
    for code, message in MESSAGES.items():
        for english in filter(None, (message.found, message.remedy)):
            named = typed(in_context(VIETNAMESE, code, english))
            assert typed(english) == named, (code, typed(english) ^ named)
