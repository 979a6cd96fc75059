from __future__ import annotations

import pytest

from agent.core.event import CounterAttended, CounterClosed, CounterUnattended
from agent.core.rule_state import CounterState
from agent.core.visibility import Visibility
from agent.presence.settings import CounterSettings
from tests.presence.office import ALWAYS, OFFICE, Blind, Office, Stay, of, utc, words

COUNTER = CounterAttended, CounterUnattended, CounterClosed


def told(office: Office, begin: str, end: str, *script: Stay | Blind) -> list[str]:
    return words(of(office.watch(begin, end, script), *COUNTER))


@pytest.mark.parametrize(
    ("begin", "end", "script", "expected"),
    [
        # Before opening nothing is told, whoever is there. Who waits is known after two seconds.
        pytest.param("06:00", "07:29", [Stay("staff", "06:10", "07:29")], [], id="before-opening"),
        # In before it opens: attended from the begin of working hours.
        pytest.param(
            "07:20", "07:35", [Stay("staff", "07:25", "07:40")],
            ["07:30:00 attended 07:30:00 w0"], id="early-bird",
        ),
        # Late: unattended from the begin of working hours, told when the grace is over.
        pytest.param(
            "07:20", "07:45", [Stay("staff", "07:40", "07:50")],
            ["07:31:03 unattended 07:30:00 w0", "07:40:01 attended 07:40:00 w0"], id="late",
        ),
        # Away for less than a minute: bends down, or is hidden.
        pytest.param(
            "08:00", "08:10", [Stay("staff", "07:00", "08:05"), Stay("staff", "08:05:58", "09:00", "b")],
            ["08:00:01 attended 08:00:00 wNone"], id="bent-down",
        ),
        # Away for longer, back before it was told: both, in order.
        pytest.param(
            "08:00", "08:10", [Stay("staff", "07:00", "08:05"), Stay("staff", "08:06:01", "09:00", "b")],
            ["08:00:01 attended 08:00:00 wNone", "08:06:02 unattended 08:04:59 w0",
             "08:06:02 attended 08:06:01 w0"], id="back-just-too-late",
        ),
        # Two of the staff take turns.
        pytest.param(
            "08:00", "09:00", [Stay("staff", "07:00", "08:30"), Stay("staff", "08:29", "10:00", "b")],
            ["08:00:01 attended 08:00:00 wNone"], id="turns",
        ),
        # A passer-by behind the desk attends nothing.
        pytest.param(
            "08:00", "08:05", [Stay("staff", "08:02", "08:02:01")],
            ["08:01:03 unattended 08:00:00 w0"], id="passer-by",
        ),
        # Persons before the desk wait.
        pytest.param(
            "08:00", "08:05", [Stay("public", "08:00:30", "08:10"), Stay("public", "08:00:40", "08:10", "b")],
            ["08:01:03 unattended 08:00:00 w2"], id="waiting",
        ),
        # The lunch break, and the staff who stays through it.
        pytest.param(
            "11:20", "13:40", [Stay("staff", "11:00", "14:00")],
            ["11:20:01 attended 11:20:00 wNone", "11:30:00 closed 11:30:00 w0 closed",
             "13:30:00 attended 13:30:00 w0"], id="lunch",
        ),
        # Leaves early: unattended, closed in time.
        pytest.param(
            "16:30", "17:10", [Stay("staff", "16:00", "16:40")],
            ["16:30:01 attended 16:30:00 wNone", "16:41:02 unattended 16:39:59 w0",
             "17:00:00 closed 17:00:00 w0 closed"], id="early-closing",
        ),
        # Left less than the grace before the end: never told as unattended.
        pytest.param(
            "16:50", "17:10", [Stay("staff", "16:00", "16:59:30")],
            ["16:50:01 attended 16:50:00 wNone", "17:00:00 closed 17:00:00 w0 closed"], id="end-of-work",
        ),
        # A weekend.
        pytest.param(
            "2026-01-10T07:00", "2026-01-10T09:00",
            [Stay("staff", "2026-01-10T07:30", "2026-01-10T08:30")], [], id="saturday",
        ),
    ],
)  # fmt: skip
def test_counter(begin: str, end: str, script: list[Stay | Blind], expected: list[str]) -> None:
    assert told(Office(), begin, end, *script) == expected


def test_counter_without_hours_is_always_open() -> None:
    office = Office(ALWAYS)
    assert told(office, "23:50", "2026-01-06T00:10", Stay("staff", "23:55", "2026-01-06T01:00")) == [
        "23:51:03 unattended 23:50:00 w0",
        "23:55:01 attended 23:55:00 w0",
    ]


def test_counter_without_a_public_zone() -> None:
    office = Office(counter=CounterSettings("desk", "staff", None, 60.0))
    assert told(office, "08:00", "08:02", Stay("public", "08:00", "09:00")) == [
        "08:01:03 unattended 08:00:00 wNone"
    ]


def test_counter_blind_in_between() -> None:
    script = Stay("staff", "07:50", "08:20"), Stay("staff", "08:30", "09:00", "b"), Blind("08:10", "08:40")
    assert told(Office(), "08:00", "08:45", *script) == [
        "08:00:01 attended 08:00:00 wNone",
        # At the last moment that anybody saw, and anew from the first one after it.
        "08:10:00 closed 08:10:00 wNone blind",
        "08:40:01 attended 08:40:00 wNone",
    ]


def test_counter_blind_at_opening() -> None:
    assert told(Office(), "07:20", "07:50", Blind("07:10", "07:40")) == ["07:41:03 unattended 07:40:00 w0"]


def test_counter_stopped() -> None:
    office = Office()
    told(office, "08:00", "08:10", Stay("staff", "08:00", "09:00"))
    assert words(of(office.stop("08:10"), *COUNTER)) == ["08:10:00 closed 08:10:00 wNone stopped"]
    assert words(of(office.stop("08:11"), *COUNTER)) == []


def state_of(office: Office) -> tuple[str | None, int | None, str | None]:
    (state,) = [state for state in office.ledger.states() if state.kind == "counter"]
    if not isinstance(state.value, CounterState):
        return None, None, state.why
    return state.value.mode, state.value.waiting, state.why


def test_counter_state() -> None:
    office = Office()
    assert list(office.ledger.states()) == []
    told(office, "07:00", "07:00:05")
    assert state_of(office) == ("closed", 0, None)
    told(office, "07:00:05", "07:30:01", Stay("public", "07:25", "08:00"))
    # Open for a second: closed no more, and not yet known.
    assert state_of(office) == (None, None, "starting")
    told(office, "07:30:01", "07:31:10", Stay("public", "07:25", "08:00"))
    assert state_of(office) == ("unattended", 1, None)
    told(office, "07:31:10", "07:31:15", Stay("staff", "07:31:10", "08:00"), Blind("07:31:14", "07:40"))
    assert state_of(office) == (None, None, "covered")
    told(office, "07:31:15", "07:31:20")
    assert state_of(office) == (None, None, "starting")
    assert OFFICE.span(utc("07:31:20")).open


def test_counter_waiting_is_null_before_it_is_known() -> None:
    office = Office(ALWAYS)
    at = office.clock(utc("08:00"))
    office._frame(at, [office._track(Stay("staff", "", ""), at)], Visibility(None, at))
    assert state_of(office) == (None, None, "starting")
