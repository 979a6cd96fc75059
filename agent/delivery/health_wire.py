"""The wire form of health: how an agent and its device are, every minute."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from agent.core.sight import BlindCause  # noqa: TC001 - pydantic reads annotations
from agent.delivery.event_wire import Closed, Count, Fraction, Hex8, Seconds, Seq, Timestamp, Wire

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
    "disk_low",
    "memory_low",
    "broker_lost",
    "broker_refuses",
    "refusals_unseen",
    "too_slow",
    "too_hot",
    "throttled",
    "under_voltage",
    "calendar_refused",
    "certificate_ends",
]
_Number = Annotated[float, Field(allow_inf_nan=False)]


class EarlierLogWire(Closed):
    """A log of before that is still served: what is missing of it can be asked for."""

    log: Hex8
    last_seq: Seq


class HealthWire(Wire):
    """How an agent is; null is what it can't know. Older than 180 s it says nothing any more."""

    ts: Timestamp
    log: Hex8
    session: Hex8
    verdict: Verdict
    reasons: tuple[Reason, ...]
    uptime_s: Count
    fps_captured: Seconds | None
    fps_looked_at: Seconds | None
    inference_p50_ms: Seconds | None
    inference_p95_ms: Seconds | None
    event_latency_p95_ms: Seconds | None
    motion_ratio: Fraction | None
    camera: Literal["ok"] | BlindCause | None
    camera_shift_ratio: Fraction | None
    frame_age_s: Seconds | None
    stalls: Count | None
    recoveries: Count | None
    first_seq: Seq
    last_seq: Seq
    pending: Count
    log_mb: Seconds
    log_volatile: bool
    no_subscriber: Count | None
    temp_c: _Number | None
    throttled: Annotated[str, Field(pattern=r"^0x[0-9a-f]{1,8}$")] | None
    under_voltage: bool | None
    rss_mb: Count | None
    mem_free_mb: Count | None
    disk_free_mb: Count | None
    clock: Literal["synced", "unsynced"]
    clock_offset_ms: _Number | None
    earlier_logs: Annotated[tuple[EarlierLogWire, ...], Field(max_length=MOST_EARLIER)] | None = None

    def text(self) -> str:
        """As it is published: without earlier logs where there are none, or no room for the oldest."""
        text = self.model_dump_json(exclude=None if self.earlier_logs else {"earlier_logs"})
        if self.earlier_logs and len(text) > _MOST_BYTES:
            return self.model_copy(update={"earlier_logs": self.earlier_logs[1:]}).text()
        return text
