"""Field types of the wire form: the form, unit and meaning of each, once for all payloads that have it.

A description reaches the JSON Schemas and the AsyncAPI document. A title names an enum that several payloads
share; the others are called by their model and field.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

# Pydantic reads annotations.
from agent.core.event import (
    CounterMode,
    Direction,
    DropCause,
    EndedWhy,
    StartCause,
    StopCause,
)
from agent.core.visibility import BlindCause

# --- forms: say what they are wherever they are used ----------------------------------------------------

Hex8 = Annotated[str, Field(pattern=r"^[0-9a-f]{8}$")]
Identifier = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,32}$")]
Timestamp = Annotated[
    str,
    Field(
        pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$",
        description="UTC to the millisecond",
        json_schema_extra={"format": "date-time"},
    ),
]
LocalTime = Annotated[str, Field(pattern=r"^\d\d:\d\d$")]
Name = Annotated[str, Field(max_length=64)]
Seq = Annotated[int, Field(ge=0)]
Count = Annotated[int, Field(ge=0)]
Seconds = Annotated[float, Field(ge=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Corner = tuple[Fraction, Fraction]

# --- what several payloads have -------------------------------------------------------------------------

Version = Annotated[
    Literal[1],
    Field(description="Version of the contract; what breaks readers gets another root of topics."),
]
LogId = Annotated[
    Hex8, Field(description="The event log, by random digits that were made with it: 'seq' counts within it.")
]
SessionId = Annotated[Hex8, Field(description="The connection to the broker; random, new with each.")]
Site = Annotated[Identifier, Field(description="The agent's site.")]
Device = Annotated[Identifier, Field(description="The agent's name, unique in its site.")]
RuleId = Annotated[
    Identifier,
    Field(description="Id of the line, zone or counter; 'camera' or 'agent' for events of those."),
]
PublishedAt = Annotated[Timestamp, Field(description="When this was said; UTC to the millisecond.")]
FirstSeq = Annotated[Seq, Field(description="Number of the oldest event that the log still has.")]
LastSeq = Annotated[Seq, Field(description="Number of the newest event in the log; 0: there is none yet.")]
ClockIs = Annotated[
    Literal["synced", "unsynced"],
    Field(
        title="ClockState",
        description="Whether the device's clock was known to be right: 'synced', or 'unsynced'.",
    ),
]

# --- what events have -----------------------------------------------------------------------------------

EventSeq = Annotated[
    int,
    Field(ge=1, description="Number of the event in its log: one more than of the one before, over restarts"),
]
EventId = Annotated[
    str,
    Field(
        pattern=r"^[0-9a-f]{8}/[0-9]+$",
        description="Log and number: an event that comes again has the same, and is to be dropped.",
    ),
]
EventType = Annotated[str, Field(description="What happened.")]
DecidedAt = Annotated[
    Timestamp,
    Field(
        description=(
            "When the agent was sure: the exposure of the deciding picture where there is one. "
            "UTC to the millisecond; it never falls as 'seq' rises while the clock is synced."
        )
    ),
]
Boot = Annotated[
    Hex8, Field(description="The device's boot, in which 'mono_s' counts; where the clock is not synced.")
]
MonoS = Annotated[
    Seconds,
    Field(
        description=(
            "Seconds of the monotonic clock of this boot: with 'offset_s' of the next agent.clock_set of the "
            "same boot it gives UTC."
        )
    ),
]
Late = Annotated[
    Literal[True],
    Field(
        description=(
            "There, and true, where it was first sent over 30 s after 'ts': no alarm should go off for it. "
            "Of an event that comes twice this alone may differ."
        )
    ),
]
Since = Annotated[
    Timestamp,
    Field(description="When it began: the first sighting, or the first sign. UTC to the millisecond."),
]
TrackId = Annotated[
    str,
    Field(
        pattern=r"^t[0-9a-f]*-?[0-9]+$",
        max_length=24,
        description="One person's visit: its other events carry the same. Names nobody; gone with the visit.",
    ),
]
Confidence = Annotated[
    Fraction, Field(description="How sure the detector was of the person, 0 to 1; no probability.")
]
Crossing = Annotated[
    Direction,
    Field(title="Direction", description="'in': to the inner side of the line; 'out': away from it."),
]
DwellS = Annotated[
    Seconds, Field(description="From the first to the last sighting of the visit, s: it ended then.")
]
SpellS = Annotated[Seconds, Field(description="How long somebody was in the zone, s, whoever it was.")]
PersonsNow = Annotated[Count, Field(description="Persons in the zone after it.")]
Waiting = Annotated[
    Count, Field(description="Persons in the counter's public zone; absent where it has none, or not known.")
]
Ended = Annotated[
    EndedWhy,
    Field(
        title="EndedWhy",
        description=(
            "How it is known to be over. 'seen': somebody was seen leaving; 'lost': last seen, and then no "
            "more; 'blind': the camera could not see any more; 'closed': working hours ended; 'stopped': the "
            "agent ended in order, or the rule was taken away; 'restarted': the agent ended without order, "
            "told at its next start for the last moment on the card."
        ),
    ),
]
Blinded = Annotated[
    BlindCause,
    Field(
        title="BlindCause",
        description=(
            "Why the camera can't see. 'covered': something is before the lens; 'dark': no light; 'blurred': "
            "out of focus, dirty or wet; 'moved': it looks elsewhere; 'frozen': it gives the same picture "
            "again and again; 'lost': it gives none."
        ),
    ),
]
SpellBlindS = Annotated[Seconds, Field(description="How long nobody could have been seen, s.")]
LastKnown = Annotated[
    Timestamp,
    Field(description="The last moment that the log knew of before; absent with a new log. UTC."),
]
Started = Annotated[
    StartCause,
    Field(
        title="StartCause",
        description=(
            "'new_log': the first start with this log; 'started': after an orderly stop; 'restarted': after "
            "a kill, a crash or a power cut."
        ),
    ),
]
Stopped = Annotated[
    StopCause,
    Field(
        title="StopCause",
        description=(
            "'signal': it was told to; 'recording_ended': its source was a recording, which is over; "
            "'recording_broken': one that broke off."
        ),
    ),
]
Dropped = Annotated[
    DropCause,
    Field(
        title="DropCause",
        description=(
            "'keep_days': they were older than `[log] keep_days`; 'keep_mb': the log reached `[log] "
            "keep_mb`; 'disk_full': the card had no room for newer ones."
        ),
    ),
]
FirstGone = Annotated[int, Field(ge=1, description="Number of the first event that is gone.")]
LastGone = Annotated[int, Field(ge=1, description="Number of the last event that is gone.")]
OffsetS = Annotated[
    float, Field(description="UTC since 1970 less monotonic time, s, in this boot from here on.")
]
BlindS = Annotated[
    Seconds,
    Field(description="For so much of it nobody could have been seen, s: blind, or no agent that ran."),
]

# --- sums of quarters and days --------------------------------------------------------------------------

QuarterStart = Annotated[Timestamp, Field(description="Begin of the quarter of an hour; UTC.")]
QuarterEnd = Annotated[Timestamp, Field(description="End of the quarter of an hour; UTC.")]
LocalDate = Annotated[
    str,
    Field(
        pattern=r"^\d{4}-\d\d-\d\d$",
        description="The date, at the place's own time.",
        json_schema_extra={"format": "date"},
    ),
]
LengthS = Annotated[
    Seconds, Field(description="Length of the date, s: 23 to 25 hours, where summer time begins or ends.")
]
InCount = Annotated[Count, Field(description="Crossings to the inner side, persons.")]
OutCount = Annotated[Count, Field(description="Crossings to the outer side, persons.")]
Visits = Annotated[Count, Field(description="Visits that began in that time.")]
OccupiedS = Annotated[Seconds, Field(description="How long somebody was in the zone, s.")]
MostAtOnce = Annotated[Count, Field(description="The most persons in the zone at one time.")]
AttendedS = Annotated[Seconds, Field(description="Working time in which somebody was behind the desk, s.")]
UnattendedS = Annotated[Seconds, Field(description="Working time in which nobody was behind the desk, s.")]
LongestUnattendedS = Annotated[Seconds, Field(description="The longest stretch of that, s.")]
FirstIn = Annotated[
    Timestamp, Field(description="The date's first crossing to the inner side; absent: there was none. UTC.")
]
LastOut = Annotated[
    Timestamp, Field(description="The date's last crossing to the outer side; absent: there was none. UTC.")
]
PeriodStart = Annotated[LocalTime, Field(description="Begin of the working period, local, as configured.")]
PeriodEnd = Annotated[LocalTime, Field(description="End of the working period, local, as configured.")]
InBeforeStart = Annotated[Count, Field(description="Crossings in before the period's start, persons.")]
InAfterStart = Annotated[Count, Field(description="Crossings in after the period's start, persons.")]
OutBeforeEnd = Annotated[Count, Field(description="Crossings out before the period's end, persons.")]
OutAfterEnd = Annotated[Count, Field(description="Crossings out after the period's end, persons.")]

# --- what status and states have ------------------------------------------------------------------------

OnlineState = Annotated[
    Literal["online", "offline"],
    Field(description="'online', or 'offline', which the broker says of an agent that is lost."),
]
OfflineWhy = Annotated[
    Literal["stopped", "lost"],
    Field(
        description=(
            "Of one that is offline: 'stopped' in order, or 'lost': the connection ended without a word, by "
            "the will. Null while it is online."
        )
    ),
]
StateRule = Annotated[Identifier, Field(description="Id of the line, zone or counter.")]
Valid = Annotated[
    bool,
    Field(description="Whether it is known; if not the values are null: nobody could see, which is not 0."),
]
InvalidWhy = Annotated[
    Literal["starting", "stopped", "behind", "clock", BlindCause],
    Field(
        title="InvalidWhy",
        description=(
            "Why it is not known; null where it is. 'starting': not seen for long enough yet; 'stopped': the "
            "agent ended in order; 'behind': the agent does not keep up; 'clock': the device's clock is not "
            "known to be right; 'covered', 'dark', 'blurred', 'moved', 'frozen', 'lost': the camera can't "
            "see, as `cause` of camera.blind."
        ),
    ),
]
StateSince = Annotated[Timestamp, Field(description="Since when it is so; UTC to the millisecond.")]
JudgedAt = Annotated[Timestamp, Field(description="When it was last judged; UTC to the millisecond.")]
StateSeq = Annotated[Seq, Field(description="Number of the last event that is in it.")]
InToday = Annotated[
    Count, Field(description="Crossings to the inner side since local midnight, persons; null: not known.")
]
OutToday = Annotated[
    Count, Field(description="Crossings to the outer side since local midnight, persons; null: not known.")
]
PersonsThere = Annotated[Count, Field(description="Persons in the zone; null: not known.")]
Mode = Annotated[
    CounterMode,
    Field(
        title="CounterMode",
        description=(
            "'attended': somebody is behind the desk; 'unattended': nobody is, for longer than is granted; "
            "'closed': outside working hours. Null: not known."
        ),
    ),
]
WaitingNow = Annotated[
    Count,
    Field(description="Persons in the counter's public zone; null: not known, or it has no public zone."),
]
