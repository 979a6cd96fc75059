"""Vietnamese texts use one word for a thing, and say what the English ones say."""

from __future__ import annotations

import re

from tests.systemd.catalogue import explained
from tests.systemd.vietnamese import chosen, rejected_in, texts

# What is typed, and names that stay as they are: in both languages the same.
_COMMANDS = re.compile(r"(?<!\w)'([^']*)'")
_FIELDS = re.compile(r"@\w+@|\[\w+\]|\b[a-z]+(?:_[a-z]+)+\b|\b[a-z]+\.[a-z_]+\b|\b\d+(?:[.:]\d+)*\b")


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
    found = [(where, wrong) for where, text in texts() if (wrong := rejected_in(text))]
    assert found == []


def test_catalogue_says_the_same_in_both_languages() -> None:
    english, vietnamese = explained("en"), explained("vi")
    assert list(english) == list(vietnamese)
    for message_id, said in english.items():
        both = [(f"{one.subject}\n{one.text}").replace("\n", " ") for one in (said, vietnamese[message_id])]
        commands, same = (set(_COMMANDS.findall(text)) for text in both)
        assert {one for one in commands if " " in one} == {one for one in same if " " in one}, said.subject
        names, kept = (set(_FIELDS.findall(_COMMANDS.sub("", text))) for text in both)
        assert names == kept, (said.subject, names ^ kept)
