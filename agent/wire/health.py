"""The wire form of health: how an agent and its device are, every minute; each field is defined here once."""

from __future__ import annotations

from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, NamedTuple, Self

from pydantic import Field

from agent.wire.base import ClosedWire, Wire

# Pydantic reads annotations.
from agent.wire.fields import (  # noqa: TC001
    Blinded,
    ClockIs,
    Count,
    FirstSeq,
    Fraction,
    LastSeq,
    LogId,
    PublishedAt,
    Seconds,
    SessionId,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

# Health is at most 1 kB.
MOST_EARLIER = 4
_MOST_BYTES = 1000
Verdict = Literal["ok", "degraded", "failing"]
Reason = Literal[
    "camera_covered",
    "camera_dark",
    "camera_blurred",
    "camera_moved",
    "camera_frozen",
    "camera_lost",
    "camera_shifted",
    "shift_unknown",
    "clock_unsynced",
    "log_volatile",
    "log_damaged",
    "disk_low",
    "memory_low",
    "broker_lost",
    "broker_refuses",
    "refusals_unseen",
    "too_slow",
    "too_hot",
    "throttled",
    "under_voltage",
    "card_errors",
    "calendar_refused",
    "configuration_refused",
    "certificate_ends",
    "update_failed",
]
# What each means, for whoever reads the schema; in the order in which `health` says them.
MEANINGS: Final[dict[Reason, str]] = {
    "camera_covered": "something is before the lens",
    "camera_dark": "no light, in working hours or with `[camera] night = true`",
    "camera_blurred": "out of focus, dirty or wet",
    "camera_moved": "it looks elsewhere than lines and zones were drawn for",
    "camera_frozen": "it gives the same picture again and again",
    "camera_lost": "it gives no picture",
    "camera_shifted": "the view is shifted a little, lines and zones follow",
    "shift_unknown": "whether the view is shifted is not known, nothing to be mended",
    "clock_unsynced": "the device's clock is not known to be right",
    "log_volatile": "the card takes no events: they are in memory only",
    "log_damaged": "a damaged event log was set aside and nobody has dealt with it",
    "disk_low": "less than 100 MB are free on the card",
    "memory_low": "less than 50 MB of memory are free",
    "broker_lost": "no connection to the broker for a minute, or none that lasts",
    "broker_refuses": "the broker refused something of the agent's in the last minute",
    "refusals_unseen": "with MQTT 3.1.1 a broker can't say what it refuses, nothing to be mended",
    "too_slow": "less than half of the frames that should be are looked through",
    "too_hot": "the processor has 80 °C or more",
    "throttled": "the processor is slowed down, by heat or a weak supply",
    "under_voltage": "the power supply is too weak",
    "card_errors": "the card's file system counts errors since it was last checked",
    "calendar_refused": "the last `cmd/calendar` was not valid: the hours of before hold",
    "configuration_refused": "the changed file was refused: the configuration of before holds",
    "certificate_ends": "the agent's certificate ends within 30 days, or has ended",
    "update_failed": "the last update failed: the version before it runs",
}
VerdictIs = Annotated[
    Verdict,
    Field(
        title="Verdict",
        description=(
            "What the reasons come to. 'ok': nothing is wrong; 'degraded': it works, and somebody should "
            "look; 'failing': nobody is counted, and it does not go away by itself."
        ),
    ),
]
_Reason = Annotated[
    Reason,
    Field(
        title="Reason",
        description="; ".join(f"'{reason}': {meaning}" for reason, meaning in MEANINGS.items()) + ".",
    ),
]
_Number = Annotated[float, Field(allow_inf_nan=False)]
_UNKNOWN: Final = "; null: not known."


class EarlierLogWire(ClosedWire):
    """A log of before that is still served: what is missing of it can be asked for."""

    log: LogId
    last_seq: LastSeq


class Figure(NamedTuple):
    """Example and place of measuring of a field of health, beside its form and meaning.

    Attributes:
        example: its value in the documents, of an agent that is well.
        read: what measures it, `module:function`, without arguments; None: the health monitor has it. It is
            a name, so that whoever only reads health loads nothing of the machine.
    """

    example: Any
    read: str | None = None


class HealthWire(Wire):
    """How an agent is; null is what it can't know. Older than 180 s it says nothing any more."""

    ts: PublishedAt
    log: LogId
    session: SessionId
    verdict: Annotated[VerdictIs, Figure("ok")]
    reasons: Annotated[
        tuple[_Reason, ...], Field(description="What is wrong, each once; empty: nothing."), Figure(())
    ]
    uptime_s: Annotated[Count, Field(description="Since the agent's start, s."), Figure(86_400)]
    fps_captured: Annotated[
        Seconds | None,
        Field(description="Frames a second that came, over the last minute" + _UNKNOWN),
        Figure(10.0),
    ]
    fps_looked_at: Annotated[
        Seconds | None,
        Field(
            description="Of them those that the networks looked at, a second, over the last minute" + _UNKNOWN
        ),
        Figure(1.4),
    ]
    inference_p50_ms: Annotated[
        Seconds | None,
        Field(description="Half of the looks of the last five minutes took less, ms" + _UNKNOWN),
        Figure(48.0),
    ]
    inference_p95_ms: Annotated[
        Seconds | None,
        Field(description="95 of 100 looks of the last five minutes took less, ms" + _UNKNOWN),
        Figure(61.0),
    ]
    event_latency_p95_ms: Annotated[
        Seconds | None,
        Field(
            description=(
                "95 of 100 events of the last five minutes were in the log so soon after the exposure of "
                "their frame, ms; null: there was none."
            )
        ),
        Figure(180.0),
    ]
    motion_ratio: Annotated[
        Fraction | None,
        Field(description="Share of the last minute's frames in which something moved, 0 to 1" + _UNKNOWN),
        Figure(0.08),
    ]
    camera: Annotated[
        Literal["ok"] | Blinded | None,
        Field(
            description="'ok': it sees; else why it can't, as `cause` of camera.blind; null: no frame yet."
        ),
        Figure("ok"),
    ]
    camera_shift_ratio: Annotated[
        Fraction | None,
        Field(
            description=(
                "How far a corner of the picture is from where it was learned, at the most in the last 10 s, "
                "as a part of the picture's width" + _UNKNOWN
            )
        ),
        Figure(0.0),
    ]
    frame_age_s: Annotated[
        Seconds | None, Field(description="Age of the newest frame, s; null: there is none."), Figure(0.1)
    ]
    stalls: Annotated[
        Count | None,
        Field(description="Times since the start that the camera gave no pictures; null: it is a recording."),
        Figure(0),
    ]
    recoveries: Annotated[
        Count | None,
        Field(description="Times since the start that it gave some again; null: it is a recording."),
        Figure(0),
    ]
    first_seq: FirstSeq
    last_seq: LastSeq
    pending: Annotated[
        Count, Field(description="Events of all logs that no broker has taken yet."), Figure(0)
    ]
    log_mb: Annotated[Seconds, Field(description="Size of the event log, MB."), Figure(12.0)]
    log_volatile: Annotated[
        bool,
        Field(description="Whether events are in memory only: a power cut would lose them."),
        Figure(False),
    ]
    no_subscriber: Annotated[
        Count | None,
        Field(description="Events since the start that nobody subscribed to; null: this broker never tells."),
        Figure(0),
    ]
    temp_c: Annotated[
        _Number | None, Field(description="Temperature of the processor, °C" + _UNKNOWN), Figure(61.0)
    ]
    throttled: Annotated[
        Annotated[str, Field(pattern=r"^0x[0-9a-f]{1,8}$")] | None,
        Field(
            description=(
                "Bits of a Pi's firmware, as `vcgencmd get_throttled` shows them: 0x1 under-voltage, 0x2 "
                "capped, 0x4 throttled, 0x8 soft limit of temperature, now; the same by 0x10000 since its "
                "boot" + _UNKNOWN
            )
        ),
        Figure("0x0"),
    ]
    under_voltage: Annotated[
        bool | None, Field(description="Whether the power supply is too weak" + _UNKNOWN), Figure(False)
    ]
    rss_mb: Annotated[
        Count | None,
        Field(description="Memory of the agent, MB" + _UNKNOWN),
        Figure(121, read="agent.device.machine:rss_mb"),
    ]
    mem_free_mb: Annotated[
        Count | None, Field(description="Memory that programs could still have, MB" + _UNKNOWN), Figure(512)
    ]
    disk_free_mb: Annotated[
        Count | None, Field(description="Room on the disk of the event log, MB" + _UNKNOWN), Figure(20_480)
    ]
    clock: Annotated[ClockIs, Figure("synced")]
    clock_offset_ms: Annotated[
        _Number | None,
        Field(
            description="By how much the clock is being corrected now, as the kernel knows it, ms" + _UNKNOWN
        ),
        Figure(2.0, read="agent.device.clock:offset_ms"),
    ]
    earlier_logs: Annotated[
        Annotated[tuple[EarlierLogWire, ...], Field(max_length=MOST_EARLIER)] | None,
        Field(description="Logs of before that are still served, the newest last; absent: there are none."),
    ] = None

    @classmethod
    @cache
    def figures(cls) -> Mapping[str, Figure]:
        """What is said of each field beside its form; not of those that other payloads have as well."""
        said = ((name, each) for name, of_field in cls.model_fields.items() for each in of_field.metadata)
        return MappingProxyType({name: each for name, each in said if isinstance(each, Figure)})

    @classmethod
    def example(cls, **known: Any) -> Self:  # noqa: ANN401 - of any field
        """One with this, and else with the examples of its fields."""
        return cls(**{name: figure.example for name, figure in cls.figures().items()} | known)

    def text(self) -> str:
        """As it is published: without optional fields that say nothing, and logs that have no room."""
        optional = [name for name, of_field in type(self).model_fields.items() if of_field.default is None]
        absent = {name for name in optional if getattr(self, name) in (None, ())}
        text = self.model_dump_json(exclude=absent)
        if self.earlier_logs and len(text) > _MOST_BYTES:
            return self.model_copy(update={"earlier_logs": self.earlier_logs[1:]}).text()
        return text
