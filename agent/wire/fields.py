"""Field types of the wire form: the form, unit and meaning of each, once for all payloads that have it.

Those that only single events and states have are in `core/event_fields.py`. A description reaches the JSON
Schemas and the AsyncAPI document. A title names an enum that several payloads share; the others are called by
their model and field.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from agent.core.event_fields import BLINDED, MODE

# Pydantic reads annotations.
from agent.core.rule_state import CounterMode
from agent.core.visibility import BlindCause

if TYPE_CHECKING:
    from agent.core.event_form import OnWire


def as_field(said: OnWire, **more: Any) -> Any:  # noqa: ANN401 - as pydantic's Field
    """What `core` says of a field, in pydantic's words; `more` goes to Field as it is."""
    return Field(
        description=said.description,
        title=said.title,
        ge=said.least,
        le=said.most,
        pattern=said.pattern,
        max_length=said.longest,
        **more,
    )


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
LocalDate = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d$", json_schema_extra={"format": "date"})]
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

Blinded = Annotated[BlindCause, as_field(BLINDED)]

# --- what every event has -----------------------------------------------------------------------------------

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
Mode = Annotated[CounterMode, as_field(MODE)]
