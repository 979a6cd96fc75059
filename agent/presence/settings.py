"""Settings of the rules: ids, dwell times and working hours, without any geometry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.presence.hours import WorkingTime


@dataclass(frozen=True, slots=True)
class ZoneSettings:
    """A zone's settings.

    Attributes:
        zone_id: its id.
        min_dwell_s: shorter visits are not reported.
        settle_s: so long after the first frame, and after blindness, it is not known who is in it.
    """

    zone_id: str
    min_dwell_s: float
    settle_s: float


@dataclass(frozen=True, slots=True)
class CounterSettings:
    """A counter's settings.

    Attributes:
        counter_id: its id.
        staff: id of the zone behind the desk.
        public: id of the zone before it; None: there is none.
        unattended_after_s: for how long the desk may be left.
    """

    counter_id: str
    staff: str
    public: str | None
    unattended_after_s: float


@dataclass(frozen=True, slots=True)
class RuleSettings:
    """All rules of a configuration, and the working hours.

    Attributes:
        lines: their ids.
        zones: each zone's settings.
        counters: each counter's settings; their zones are among `zones`.
        hours: when the counters are open, and when presence is after hours.
        wait_s: how late a person's last sighting, or the first sign of blindness, may become known.
    """

    lines: Sequence[str]
    zones: Sequence[ZoneSettings]
    counters: Sequence[CounterSettings]
    hours: WorkingTime
    wait_s: float = 0.0
