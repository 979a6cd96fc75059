"""States of rules, one frozen class a kind: what holds now, as events say what happened."""

# No `annotations` of the future: the wire form is made of these.
from dataclasses import dataclass
from typing import Annotated, Literal

from agent.core import event_fields as of
from agent.core.frame import Instant

CounterMode = Literal["attended", "unattended", "closed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What holds of a rule, and since when that is so.

    The first paragraph of a class describes it in the JSON Schemas; there every own field is null while it is
    not known.
    """

    rule: str
    since: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class LineState(State):
    """Crossings since local midnight; null when not valid."""

    in_count: of.InToday
    out_count: of.OutToday


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneState(State):
    """Persons in a zone; null when not valid."""

    count: of.PersonsThere


@dataclass(frozen=True, slots=True, kw_only=True)
class CounterState(State):
    """Whether a counter is attended; null when not valid. Without a public zone `waiting` is null too."""

    mode: Annotated[CounterMode, of.MODE]
    waiting: of.WaitingNow | None
    waiting_since: of.WaitingSince | None = None
