from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.event import CameraBlind, CameraRestored
from agent.core.visibility import Visibility
from agent.presence.camera import CameraRule
from tests.builders import make_at
from tests.samples import BLIND_CAUSES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.core.event import Event
    from agent.core.visibility import BlindCause


def told(*sights: tuple[float, BlindCause | None, float]) -> list[Event]:
    """Events for sights of so many seconds: when, the cause, and its first sign."""
    rule = CameraRule()
    return [
        event
        for at_s, cause, since_s in sights
        for event in rule.update(Visibility(cause, make_at(since_s)), make_at(at_s))
    ]


def blind(at_s: float, cause: BlindCause, since_s: float) -> CameraBlind:
    return CameraBlind(rule="camera", at=make_at(at_s), cause=cause, since=make_at(since_s))


def restored(at_s: float, cause: BlindCause, since_s: float) -> CameraRestored:
    since = make_at(since_s)
    return CameraRestored(rule="camera", at=make_at(at_s), cause=cause, since=since, blind_s=at_s - since_s)


@pytest.mark.parametrize("cause", BLIND_CAUSES)
def test_spell(cause: BlindCause) -> None:
    # It began with the first sign, before it was sure; and it ends when that is sure, not before:
    # until then nobody was looked for.
    assert told((0, None, 0), (9, cause, 5), (10, cause, 5), (70, cause, 5), (75, None, 73)) == [
        blind(9, cause, 5),
        restored(75, cause, 5),
    ]


def test_spell_from_the_first_frame() -> None:
    assert told((0, "covered", 0), (3, None, 2)) == [blind(0, "covered", 0), restored(3, "covered", 0)]


def test_spell_that_does_not_end() -> None:
    assert told((0, None, 0), (9, "lost", 5), (10_000, "lost", 5)) == [blind(9, "lost", 5)]


def test_spell_with_another_cause_is_the_same() -> None:
    assert told((9, "dark", 5), (20, "covered", 18), (21, "frozen", 18), (30, None, 29)) == [
        blind(9, "dark", 5),
        restored(30, "dark", 5),
    ]


def test_spells_in_a_row() -> None:
    assert told((9, "moved", 5), (10, None, 10), (11, "moved", 11), (12, None, 12)) == [
        blind(9, "moved", 5),
        restored(10, "moved", 5),
        blind(11, "moved", 11),
        restored(12, "moved", 11),
    ]


def test_sight_that_stays_good() -> None:
    assert told((0, None, 0), (1, None, 0), (2, None, 0)) == []


# --- a spell of before this start ------------------------------------------------------------------

NIGHT = CameraBlind(rule="camera", at=make_at(-100), cause="dark", since=make_at(-105))


def resumed(*sights: tuple[float, BlindCause | None, bool, bool]) -> list[Event]:
    """Events of a start during a spell: when, the cause, if it is suspected, if somebody was seen."""
    rule = CameraRule()
    rule.resume(NIGHT)
    assert rule.blind
    return [
        event
        for at_s, cause, suspected, somebody in sights
        for event in rule.update(
            Visibility(cause, make_at(at_s), suspected), make_at(at_s), somebody=somebody
        )
    ]


@pytest.mark.parametrize(
    ("sights", "at_s"),
    [
        pytest.param([(0, None, False, False), (2.9, None, False, False), (3, None, False, False)], 3,
                     id="it-sees"),
        # It begins in the dark: for the first second nobody knows, then it is suspected, then sure.
        pytest.param([(0, None, False, False), (0.9, None, True, False), (5, None, True, False),
                      (6, "dark", False, False), (60, "dark", False, False), (70, None, False, False)], 70,
                     id="it-is-still-dark"),
        pytest.param([(0, None, False, False), (1, None, True, False), (2, None, False, False),
                      (4.9, None, False, False), (5, None, False, False)], 5, id="suspicion-of-nothing"),
        # Who is seen is proof enough.
        pytest.param([(0, None, False, False), (1.5, None, False, True)], 1.5, id="somebody-is-seen"),
        pytest.param([(0, None, False, False), (1, None, True, False), (1.5, None, True, True)], 1.5,
                     id="somebody-is-seen-in-the-dusk"),
        pytest.param([(0, None, False, False), (2, None, False, False)], None, id="killed-too-soon"),
    ],
)  # fmt: skip
def test_spell_of_before_ends(
    sights: list[tuple[float, BlindCause | None, bool, bool]], at_s: float | None
) -> None:
    assert resumed(*sights) == ([] if at_s is None else [restored(at_s, "dark", -105)])


def test_spell_after_one_of_before() -> None:
    rule = CameraRule()
    rule.resume(NIGHT)
    assert list(rule.update(Visibility(None, make_at(0)), make_at(0))) == []
    assert list(rule.update(Visibility(None, make_at(0)), make_at(4))) == [restored(4, "dark", -105)]
    assert not rule.blind
    assert list(rule.update(Visibility("covered", make_at(5)), make_at(9))) == [blind(9, "covered", 5)]
    assert list(rule.update(Visibility(None, make_at(20)), make_at(20))) == [restored(20, "covered", 5)]


def test_nothing_to_resume() -> None:
    rule = CameraRule()
    rule.resume(None)
    assert not rule.blind
    assert list(rule.update(Visibility(None, make_at(0)), make_at(4))) == []


@given(st.lists(st.none() | st.sampled_from(BLIND_CAUSES)))
def test_spells_are_told_in_pairs(causes: Sequence[BlindCause | None]) -> None:
    events = told(*((at_s, cause, at_s) for at_s, cause in enumerate(causes)))
    spells = [
        list(sights) for is_blind, sights in groupby(causes, key=lambda cause: cause is not None) if is_blind
    ]
    begins, ends = events[::2], events[1::2]
    assert [event.cause for event in begins if isinstance(event, CameraBlind)] == [
        spell[0] for spell in spells
    ]
    assert len(begins) == len(spells)
    # Each that is over has one end, and tells of the same spell.
    assert len(ends) == len(spells) - (bool(causes) and causes[-1] is not None)
    for begin, end in zip(begins, ends, strict=False):
        assert isinstance(begin, CameraBlind)
        assert isinstance(end, CameraRestored)
        assert (end.cause, end.since) == (begin.cause, begin.since)
        assert end.blind_s > 0
