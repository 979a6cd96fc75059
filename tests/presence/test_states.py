"""Since when a state is so: it is told again only when it says something else."""

from __future__ import annotations

from itertools import pairwise

import pytest

from agent.core.event import AgentStarted, Quarter
from tests.presence.office import Blind, Office, Stay, of, utc

SCRIPT = [
    Stay("street", "08:20:00", "08:20:05"),
    Stay("yard", "08:20:05", "08:20:20"),
    Stay("public", "08:21:00", "08:22:00", "b"),
    Stay("staff", "08:21:30", "08:23:00", "c"),
]
FIGURES = ("in_count", "out_count", "count", "mode", "waiting", "waiting_since")


@pytest.mark.parametrize("rule", ["gate", "staff", "public", "desk"])
def test_state_stands_until_it_says_something_else(rule: str) -> None:
    office = Office()
    office.watch("08:19:50", "08:25:00", SCRIPT)
    values = [state.value for states in office.states for state in states if state.rule == rule]
    assert {value is None for value in values} >= {False}
    changes = 0
    for before, now in pairwise(values):
        same = [getattr(before, name, None) for name in FIGURES] == [
            getattr(now, name, None) for name in FIGURES
        ]
        # The publisher tells whatever is another object: one a second while nothing happens.
        assert (before is now) or not same
        changes += not same
    # Known at all, and then what the script did to it.
    assert changes == {"gate": 1, "staff": 3, "public": 3, "desk": 5}[rule]


def test_blindness_is_since_its_first_sign() -> None:
    office = Office()
    office.watch("08:19:50", "08:25:00", [*SCRIPT, Blind("08:21:40", "08:24:00")])
    blind = {state.since.utc for states in office.states for state in states if state.why is not None} - {
        state.since.utc for states in office.states[:20] for state in states
    }
    assert blind >= {utc("08:21:40")}
    known = [state for state in office.states[120] if state.value is not None]
    assert known == []


def test_quarter_of_one_rule_is_none_of_another() -> None:
    """Killed after the gate's quarter was told and before the zone's: that one is still to come."""
    script = [
        Stay("street", "08:20:00", "08:20:05"),
        Stay("yard", "08:20:05", "08:20:20"),
        Stay("staff", "08:21:00", "08:22:01", "c"),
    ]
    office = Office()
    told = office.watch("08:15:00", "08:31:01", script)
    assert {quarter.rule for quarter in of(told, Quarter)} == {"gate"}
    begin = AgentStarted(rule="agent", at=office.clock(utc("08:15:00")), cause="started")
    again = Office()
    again.ledger.replay_history([(event, "this_boot") for event in [begin, *told]], None, None)
    quarters = of(again.watch("08:31:01", "08:40:00"), Quarter)
    assert [(quarter.rule, quarter.start) for quarter in quarters] == [
        ("staff", utc("08:15:00")),
        ("desk", utc("08:15:00")),
    ]
    assert (getattr(quarters[0], "visits", None), quarters[0].blind_s) == (1, 0)
