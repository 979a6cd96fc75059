from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.wire.commands import Presence, ReplayRequestWire, presence, replay_request

WHO = '{"log":"5f3a9c21","session":"c01dbeef"'
GOOD: dict[str, Any] = {"log": "5f3a9c21", "from_seq": 3, "to_seq": 9, "request": "r-1"}


def said(*, online: bool, last_seq: int) -> Presence:
    return Presence("5f3a9c21", "c01dbeef", online, last_seq)


def test_request() -> None:
    asked = replay_request(json.dumps(GOOD))
    assert asked == ReplayRequestWire(log="5f3a9c21", from_seq=3, to_seq=9, request="r-1")


def test_request_with_unknown_fields() -> None:
    assert replay_request(json.dumps({**GOOD, "v": 1, "who": "x"})) == replay_request(json.dumps(GOOD))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"log": "5F3A9C21"}, "log: "),  # its digits are small
        ({"log": 5}, "log: "),
        ({"from_seq": 0}, "from_seq: "),
        ({"from_seq": True}, "from_seq: "),  # a truth is no number
        ({"from_seq": "3"}, "from_seq: "),
        ({"from_seq": 3.0}, "from_seq: "),
        ({"to_seq": 2}, "to_seq is before from_seq"),
        ({"to_seq": 2**60}, "to_seq: "),
        ({"request": "a/b"}, "request: "),  # it becomes a level of a topic
        ({"request": "+"}, "request: "),
        ({"request": ""}, "request: "),
        ({"request": "a" * 33}, "request: "),
        ({"request": "a\n"}, "request: "),
        ({"more": "x" * 600}, "longer than 512 characters"),
    ],
)
def test_request_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        replay_request(json.dumps({**GOOD, **change}))


@pytest.mark.parametrize("text", ["", "null", "[]", "7", "[" * 400, "{", '{"log":' * 60, "NaN", "\ud800"])
def test_request_no_object(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        replay_request(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (WHO + ',"state":"offline"}', said(online=False, last_seq=0)),
        (WHO + ',"last_seq":7}', said(online=True, last_seq=7)),
        (WHO + ',"last_seq":1e9}', said(online=True, last_seq=0)),
        (WHO + ',"last_seq":-1}', said(online=True, last_seq=0)),
        ('{"log":"a\\nb","session":"c01dbeef"}', None),  # it goes into log lines
        ('{"log":7,"session":"c01dbeef"}', None),
        ("[" * 100_000, None),
        ("", None),
    ],
)  # fmt: skip
def test_presence(text: str, expected: Presence | None) -> None:
    assert presence(text) == expected


@given(st.one_of(st.text(), st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps)))
def test_anything_is_read_or_refused(text: str) -> None:
    presence(text)
    with pytest.raises(ValueError, match=r"\w"):
        replay_request(text)
