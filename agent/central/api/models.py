"""Models of all that the API answers.

What is not known is null, and `why` names the field and the reason. Times are UTC; `utc_offset` is the
place's own at that time.
"""

# No `annotations` of the future: FastAPI reads them.
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Why = Annotated[
    dict[str, str], Field(description="For each field that is null because it is not known: the reason.")
]
Time = Annotated[
    str, Field(description="UTC, RFC 3339 with milliseconds.", examples=["2026-11-22T00:31:05.120Z"])
]
Offset = Annotated[
    str | None,
    Field(
        description="The place's offset from UTC at that time; null: its zone is not known.",
        examples=["+07:00"],
    ),
]
SiteName = Annotated[str, Field(description="a-z, 0-9 and '-'.")]
PlaceName = Annotated[str, Field(description="Name of the device, unique in its site.")]
RuleName = Annotated[str, Field(description="Id of the line, zone or counter.")]
RuleKind = Annotated[str, Field(description="line, zone or counter.")]
_Count = int | None
_Seconds = float | None


class SiteAnswer(BaseModel):
    """An office."""

    site: SiteName
    places: list[PlaceName]


class RuleAnswer(BaseModel):
    """A line, zone or counter of a place, as its device says."""

    rule: RuleName
    kind: RuleKind
    used_by: str | None = Field(description="Of a line: 'staff' or 'everybody'; null: it does not say.")


class HoursAnswer(BaseModel):
    """Local working time on some days of the week."""

    days: list[str]
    periods: list[tuple[str, str]]


class PlaceAnswer(BaseModel):
    """A place with its device. All of it is what the device says: data, never markup."""

    site: SiteName
    place: PlaceName
    label: str | None
    timezone: str | None
    rules: list[RuleAnswer] | None
    hours: list[HoursAnswer] | None = Field(description="Empty: always open.")
    why: Why


class LineNow(BaseModel):
    """Crossings since local midnight."""

    model_config = ConfigDict(strict=True)

    kind: Literal["line"] = "line"
    in_count: int
    out_count: int


class ZoneNow(BaseModel):
    """Persons in a zone."""

    model_config = ConfigDict(strict=True)

    kind: Literal["zone"] = "zone"
    count: int


class CounterNow(BaseModel):
    """A counter, and who waits before it."""

    model_config = ConfigDict(strict=True)

    kind: Literal["counter"] = "counter"
    mode: str
    waiting: _Count
    waiting_since: Time | None


class StateAnswer(BaseModel):
    """What holds now for a rule."""

    site: SiteName
    place: PlaceName
    rule: RuleName
    kind: RuleKind
    value: Annotated[LineNow | ZoneNow | CounterNow, Field(discriminator="kind")] | None
    since: Time | None = Field(description="Since when it is so, or not known.")
    ts: Time = Field(description="When the device judged it last.")
    utc_offset: Offset
    why: Why


class BuildingAnswer(BaseModel):
    """A building whose persons are counted by the lines at its doors."""

    site: SiteName
    name: str = Field(description="For people, as the centre's configuration has it.")
    persons: _Count = Field(description="Those inside now.")
    since: Time | None = Field(
        description="When it was empty: local midnight, or later where all was seen so."
    )
    blind_s: _Seconds = Field(description="So long since then somebody could have crossed a line unseen.")
    line: str | None = Field(description="The line, device/rule, for which nothing is known.")
    why: Why


class EventAnswer(BaseModel):
    """An event; `n` rises with each arrival in this store and is never given twice."""

    n: int
    site: SiteName
    place: PlaceName
    rule: RuleName
    type: str
    ts: Time
    utc_offset: Offset
    late: bool = Field(description="It was first sent long after it happened: no reason for an alarm.")
    heard: Time = Field(description="When it came.")
    body: dict[str, Any] = Field(description="As the device sent it.")
    why: Why


class EventsPage(BaseModel):
    """Events in the order in which they came."""

    store: str = Field(description="Id of the store: another one, and numbers start again.")
    items: list[EventAnswer]
    next: int = Field(description="Give it as `after` for what comes next.")
    more: bool = Field(description="Whether there is more already.")


class LineSums(BaseModel):
    """Crossings in a span of time."""

    kind: Literal["line"] = "line"
    in_count: int
    out_count: int


class ZoneSums(BaseModel):
    """Visits to a zone in a span of time."""

    kind: Literal["zone"] = "zone"
    visits: int
    occupied_s: float
    max_count: int


class CounterSums(BaseModel):
    """A counter in a span of time; waits are those that ended in it."""

    kind: Literal["counter"] = "counter"
    attended_s: float
    unattended_s: float
    longest_unattended_s: float
    visits: _Count
    wait_p50_s: _Seconds
    wait_p90_s: _Seconds
    wait_max_s: _Seconds
    why: Why


AnySums = Annotated[LineSums | ZoneSums | CounterSums, Field(discriminator="kind")]


class QuarterAnswer(BaseModel):
    """A quarter of an hour of UTC. One that is not there was seen and empty, or has not come yet."""

    site: SiteName
    place: PlaceName
    rule: RuleName
    kind: RuleKind
    start: Time
    end: Time
    utc_offset: Offset
    blind_s: float = Field(description="So much of it nobody could have been seen.")
    sums: AnySums | None
    changed: Time = Field(description="When this row came, or last became another.")
    why: Why


class PeriodAnswer(BaseModel):
    """Crossings about one working period."""

    start: str
    end: str
    in_before_start: int
    in_after_start: int
    out_before_end: int
    out_after_end: int


class DayAnswer(BaseModel):
    """A local date of a rule."""

    site: SiteName
    place: PlaceName
    rule: RuleName
    kind: RuleKind
    date: str
    length_s: float
    utc_offset: Offset
    blind_s: float = Field(description="So much of it nobody could have been seen.")
    sums: AnySums | None
    first_in: Time | None = Field(description="Of a line.")
    last_out: Time | None = Field(description="Of a line.")
    periods: list[PeriodAnswer] | None = Field(description="Of a line; empty: a day off.")
    changed: Time = Field(description="When this row came, or last became another.")
    corrected: bool = Field(description="A later figure took the place of the first one.")
    why: Why


class QuartersPage(BaseModel):
    """Quarters by start, site, place and rule."""

    items: list[QuarterAnswer]
    next: str | None = Field(description="Give it as `after` for more; null: that was all.")


class DaysPage(BaseModel):
    """Days in the order in which they changed."""

    items: list[DayAnswer]
    next: str = Field(description="Give it as `changed_after` for more, now or later.")
    more: bool = Field(description="Whether there is more already.")


class DeviceAnswer(BaseModel):
    """A device: whether it is there, and how it is."""

    site: SiteName
    place: PlaceName
    state: str = Field(description="online, offline, retired, or unknown before its first status.")
    heard: Time | None = Field(description="Its last sign of life.")
    utc_offset: Offset
    version: str | None
    verdict: str | None = Field(description="ok, degraded or failing; null: nothing newer than 180 s.")
    reasons: list[str] | None
    temp_c: float | None
    disk_free_mb: float | None
    last_seq: _Count = Field(description="Of its log of now, as it reports.")
    missing: int = Field(description="Events that exist and have not come, of all of its logs.")
    why: Why
