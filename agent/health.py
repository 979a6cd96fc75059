"""How the agent is: what its threads know of it, put together for `health`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from agent.delivery.health_wire import MOST_EARLIER, EarlierLogWire, HealthWire
from agent.delivery.payload import utc_text
from agent.device import clock, machine, power
from agent.health_reasons import verdict

if TYPE_CHECKING:
    from pathlib import Path

    from agent.core.frame import Instant
    from agent.core.sight import BlindCause
    from agent.delivery.health_wire import Reason
    from agent.delivery.served import DeliveryFacts

_LOW_MB = 100
_CAMERA: Final[dict[BlindCause, Reason]] = {
    "covered": "camera_covered",
    "dark": "camera_dark",
    "blurred": "camera_blurred",
    "moved": "camera_moved",
    "frozen": "camera_frozen",
    "lost": "camera_lost",
}


class Health:
    """Told by the main loop how it goes, asked by the publisher's thread.

    Attributes:
        volatile: whether events are kept in memory only.
    """

    def __init__(self, log_path: Path) -> None:
        """Take where the log should be."""
        self._log_path = log_path
        self.volatile = False
        self._begin_s = time.monotonic()
        self._at: Instant | None = None
        self._cause: BlindCause | None = None
        self._fault: BlindCause | None = None

    def see(self, at: Instant, cause: BlindCause | None, *, night: bool) -> None:
        """A frame went through; why nothing can be seen, and whether that is only the night."""
        self._at, self._cause, self._fault = at, cause, None if night else cause

    def text(self, facts: DeliveryFacts) -> str:
        """The payload.

        Raises:
            LogError: the log can't be read.
        """
        now, log = clock.now(), facts.log
        at, bits = self._at or now, power.throttled()
        disk_free_mb = machine.disk_free_mb(self._log_path)
        reasons: list[Reason] = [_CAMERA[self._fault]] if self._fault else []
        found: dict[Reason, bool] = {
            "clock_unsynced": not at.synced,
            "log_volatile": self.volatile,
            "disk_low": disk_free_mb is not None and disk_free_mb < _LOW_MB,
            "broker_refuses": facts.refused,
            "refusals_unseen": not facts.refusals_seen,
        }
        reasons += [reason for reason, holds in found.items() if holds]
        return HealthWire(
            ts=utc_text(now.utc),
            log=log.log_id,
            session=facts.session,
            verdict=verdict(reasons),
            reasons=tuple(reasons),
            uptime_s=int(time.monotonic() - self._begin_s),
            fps_captured=None,
            fps_looked_at=None,
            inference_p50_ms=None,
            inference_p95_ms=None,
            event_latency_p95_ms=None,
            motion_ratio=None,
            camera=(self._cause or "ok") if self._at else None,
            frame_age_s=round(max(0.0, now.monotonic_s - at.monotonic_s), 1) if self._at else None,
            stalls=None,
            recoveries=None,
            first_seq=log.first_seq,
            last_seq=log.last_seq,
            pending=facts.pending,
            earlier_logs=tuple(
                EarlierLogWire(log=one.log_id, last_seq=one.last_seq) for one in facts.earlier[-MOST_EARLIER:]
            ),
            log_mb=round(log.size_bytes / 1e6, 1),
            log_volatile=self.volatile,
            no_subscriber=facts.no_subscriber,
            temp_c=machine.temp_c(),
            throttled=None if bits is None else f"{bits:#x}",
            under_voltage=power.under_voltage(),
            rss_mb=machine.rss_mb(),
            mem_free_mb=machine.mem_free_mb(),
            disk_free_mb=disk_free_mb,
            clock="synced" if at.synced else "unsynced",
            clock_offset_ms=None,
        ).text()
