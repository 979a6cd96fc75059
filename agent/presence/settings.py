"""Settings of the rules: ids, dwell times and working hours, without any geometry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.presence.hours import WorkingTime


@dataclass(frozen=True, slots=True)
class OneRuleSettings:
    """A rule's settings; `KIND` is the id of its kind.

    Attributes:
        rule_id: the rule's id.
    """

    KIND: ClassVar[str]
    rule_id: str


@dataclass(frozen=True, slots=True)
class LineSettings(OneRuleSettings):
    """A line's settings."""

    KIND: ClassVar[str] = "line"


@dataclass(frozen=True, slots=True)
class ZoneSettings(OneRuleSettings):
    """A zone's settings.

    Attributes:
        min_dwell_s: shorter visits are not reported.
        settle_s: so long after the first frame, and after blindness, it is not known who is in it.
    """

    KIND: ClassVar[str] = "zone"
    min_dwell_s: float
    settle_s: float


@dataclass(frozen=True, slots=True)
class CounterSettings(OneRuleSettings):
    """A counter's settings.

    Attributes:
        staff: id of the zone behind the desk.
        public: id of the zone before it; None: there is none.
        unattended_after_s: for how long the desk may be left.
    """

    KIND: ClassVar[str] = "counter"
    staff: str
    public: str | None
    unattended_after_s: float


@dataclass(frozen=True, slots=True)
class RuleSettings:
    """All rules of a configuration, and the working hours.

    Attributes:
        rules: each rule's settings, in the order in which they report; a counter's zones are among them.
        hours: when the counters are open, and when presence is after hours.
        wait_s: how late a person's last sighting, or the first sign of blindness, may become known.
    """

    rules: Sequence[OneRuleSettings]
    hours: WorkingTime
    wait_s: float = 0.0
