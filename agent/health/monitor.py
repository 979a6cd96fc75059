"""Health of the agent: figures of all threads, for `health`, the journal and systemd."""

from __future__ import annotations

import logging
import time
from dataclasses import asdict, dataclass
from pkgutil import resolve_name
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, Protocol

from agent.core.log_messages import HEALTH
from agent.device import clock, machine
from agent.eventlog.set_aside import damaged_asides
from agent.health.certificate import CertificateHealth
from agent.health.rates import Rates, Shifts, Speed
from agent.health.reason_messages import REASON_LINES
from agent.health.reasons import Reasons, beyond, verdict
from agent.wire.health import MOST_EARLIER, EarlierLogWire, HealthWire
from agent.wire.payloads import utc_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from agent.core.frame import Instant
    from agent.core.visibility import BlindCause
    from agent.mqtt.publish_state import DeliveryFacts
    from agent.wire.health import Reason, Verdict

_log = logging.getLogger(__name__)

_JUDGE_EVERY_S = 1.0
_MACHINE_EVERY_S = 10.0
_LOG_EVERY_S = 3600.0
# Hysteresis: threshold from which a figure is bad, and the one from which it is good again.
_DISK_FREE_MB = 100, 150
_MEM_FREE_MB = 50, 80
_TEMP_C = 80, 75
_FRAMES_RATIO = 0.5, 0.7
_CAMERA: Final[dict[BlindCause, Reason]] = {
    "covered": "camera_covered",
    "dark": "camera_dark",
    "blurred": "camera_blurred",
    "moved": "camera_moved",
    "frozen": "camera_frozen",
    "lost": "camera_lost",
}
_LEVELS: Final[dict[Verdict, int]] = {
    "ok": logging.INFO,
    "degraded": logging.WARNING,
    "failing": logging.ERROR,
}


class Stalls(Protocol):
    """Counters of a camera that health reports."""

    @property
    def stalls(self) -> int:
        """Number of times that it stopped giving pictures."""

    @property
    def recoveries(self) -> int:
        """Number of times that it gave pictures again."""


@dataclass(frozen=True, slots=True)
class MachineState:
    """Figures of the machine and its card that reasons are judged by; None: not known.

    Attributes:
        card_errors: of all file systems together, since each was last checked.
        log_damaged: whether a damaged log that was set aside is there still.
    """

    temp_c: float | None
    throttled: int | None
    under_voltage: bool | None
    mem_free_mb: int | None
    disk_free_mb: int | None
    card_errors: int | None = None
    log_damaged: bool | None = False


def machine_now(log_path: Path) -> MachineState:
    """Read the figures now."""
    return MachineState(
        temp_c=machine.temp_c(),
        throttled=machine.throttled(),
        under_voltage=machine.under_voltage(),
        mem_free_mb=machine.mem_free_mb(),
        disk_free_mb=machine.disk_free_mb(log_path),
        card_errors=None if (counted := machine.card_errors()) is None else sum(counted.values()),
        log_damaged=_has_damaged(log_path),
    )


def _published(found: MachineState) -> dict[str, Any]:
    """Those of the figures that health has, under the same name."""
    figures = {name: value for name, value in asdict(found).items() if name in HealthWire.model_fields}
    return figures | {"throttled": None if found.throttled is None else f"{found.throttled:#x}"}


def _has_damaged(log_path: Path) -> bool | None:
    try:
        return bool(damaged_asides(log_path))
    except OSError:
        # The folder can't be read, so whether there is one is not known.
        return None


class HealthMonitor:
    """Judge of health: updated by the main loop, read by the publisher's thread.

    Attributes:
        volatile: whether events are kept in memory only.
        fps: frames a second that should come; None: as many as there are.
        stalls: counters of the camera; None: it is a recording.
        connected: whether the broker is connected now; None: none is configured.
        unsteady: whether connections to it break or are taken over repeatedly; None: as above.
        certificate: check of the agent's own one.
        calendar_refused: whether the last calendar that the centre sent was not valid.
        configuration_refused: whether the file on the card was refused, and another one is in force.
        update_failed: whether the last update failed.
        config_digest: of the configuration in force; None: not set yet.
        figures: rates; the main loop's.
    """

    def __init__(self, log_path: Path, machine_of: Callable[[Path], MachineState] = machine_now) -> None:
        """Take the path of the event log, and the function that reads the machine's figures."""
        self._log_path = log_path
        self._machine_of = machine_of
        self._reads: dict[str, Callable[[], Any]] = {
            name: resolve_name(figure.read) for name, figure in HealthWire.figures().items() if figure.read
        }
        self.volatile = False
        self.fps: float | None = None
        self.stalls: Stalls | None = None
        self.connected: Callable[[], bool] | None = None
        self.unsteady: Callable[[], bool] | None = None
        self.certificate = CertificateHealth()
        self._certificate_ends: bool | None = False
        self.calendar_refused: Callable[[], bool] = lambda: False
        self.configuration_refused: Callable[[], bool] = lambda: False
        self.update_failed: Callable[[], bool] = lambda: False
        self.config_digest: str | None = None
        self.figures = Rates()
        self._shifts = Shifts()
        self._begin_s = time.monotonic()
        self._at: Instant | None = None
        self._seen: Instant | None = None
        self._speed = Speed()
        self._cause: BlindCause | None = None
        self._fault: BlindCause | None = None
        self._refused = False
        self._refusals_seen = True
        self._machine: MachineState | None = None
        self._machine_s = self._judged_s = self._logged_s = float("-inf")
        self._lock = Lock()
        self._reasons = Reasons()
        self._holds: tuple[Reason, ...] = ()
        self._logged: tuple[Reason, ...] | None = None

    def update(
        self,
        at: Instant,
        cause: BlindCause | None,
        *,
        night: bool,
        seen: bool = True,
        shift_ratio: float | None = 0.0,
    ) -> None:
        """Take the camera's visibility; judge and log once a second.

        Args:
            at: this moment.
            cause: of blindness; None: the camera sees.
            night: it is dark as expected outside working hours, which is no fault.
            seen: there was a frame.
            shift_ratio: shift of the view as a part of its width, ≥ 0; None: not known.
        """
        self._shifts.update(at.monotonic_s, shift_ratio)
        self._at, self._cause, self._fault = at, cause, None if night else cause
        if seen:
            self._seen = at
        if at.monotonic_s - self._judged_s >= _JUDGE_EVERY_S:
            self._judged_s, self._speed = at.monotonic_s, self.figures.speed(at.monotonic_s)
            self._log_verdict(self._judge(at), at.monotonic_s)

    @property
    def frames_per_s(self) -> float | None:
        """Frames a second over the last minute; None: not known yet."""
        return self._speed.frames_per_s

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Reasons that hold, as last judged."""
        return self._holds

    @property
    def verdict(self) -> Verdict:
        """Verdict on the reasons that hold, as last judged."""
        return verdict(self._holds)

    @property
    def _shift(self) -> float | None:
        """Largest shift of the last seconds as a part of the view's width; None: not known, or blind."""
        return None if self._cause else self._shifts.most

    def status_line(self) -> str:
        """One line for `systemctl status`."""
        speed = self._speed
        words = [
            "sees" if self._at and not self._cause else f"sees nothing ({self._cause or 'no picture yet'})",
            f"{speed.frames_per_s:.1f} frames/s" if speed.frames_per_s is not None else "",
            "" if self.connected is None else "broker connected" if self.connected() else "no broker",
            f"health {verdict(self._holds)}{': ' if self._holds else ''}{', '.join(self._holds)}",
        ]
        return "; ".join(word for word in words if word)

    def text(self, facts: DeliveryFacts) -> str:
        """Payload of `health`.

        Raises:
            LogError: the log can't be read.
        """
        now, log = clock.now(), facts.log
        at = self._at or now
        self._refused, self._refusals_seen = facts.refused, facts.refusals_seen
        reasons = self._judge(at)
        found = self._machine or self._machine_of(self._log_path)
        speed, stalls, seen = self._speed, self.stalls, self._seen
        return HealthWire(
            ts=utc_text(now.utc),
            log=log.log_id,
            session=facts.session,
            verdict=verdict(reasons),
            reasons=reasons,
            uptime_s=int(time.monotonic() - self._begin_s),
            fps_captured=speed.frames_per_s,
            fps_looked_at=speed.looks_per_s,
            inference_p50_ms=speed.inference_ms[0],
            inference_p95_ms=speed.inference_ms[1],
            event_latency_p95_ms=speed.latency_p95_ms,
            motion_ratio=speed.motion_ratio,
            camera=(self._cause or "ok") if self._at else None,
            camera_shift_ratio=None if (shift := self._shift) is None else round(min(1.0, shift), 4),
            frame_age_s=round(max(0.0, now.monotonic_s - seen.monotonic_s), 1) if seen else None,
            stalls=stalls.stalls if stalls else None,
            recoveries=stalls.recoveries if stalls else None,
            first_seq=log.first_seq,
            last_seq=log.last_seq,
            pending=facts.pending,
            earlier_logs=tuple(
                EarlierLogWire(log=one.log_id, last_seq=one.last_seq) for one in facts.earlier[-MOST_EARLIER:]
            ),
            log_mb=round(log.size_bytes / 1e6, 1),
            log_volatile=self.volatile,
            no_subscriber=facts.no_subscriber,
            clock="synced" if at.synced else "unsynced",
            **_published(found),
            **{name: read() for name, read in self._reads.items()},
        ).text()

    def _judge(self, at: Instant) -> tuple[Reason, ...]:
        """Reasons that hold at a moment; called by both threads."""
        with self._lock:
            if self._machine is None or at.monotonic_s - self._machine_s >= _MACHINE_EVERY_S:
                self._machine, self._machine_s = self._machine_of(self._log_path), at.monotonic_s
                self._certificate_ends = self.certificate.ends_soon(at.utc)
            self._holds = self._reasons.update(self._found(at, self._machine), at.monotonic_s)
            return self._holds

    def _found(self, at: Instant, now: MachineState) -> dict[Reason, bool | None]:
        camera: dict[Reason, bool | None] = {
            reason: self._fault == cause for cause, reason in _CAMERA.items()
        }
        shift = self._shift
        return camera | {
            "camera_shifted": None if shift is None else shift > 0,
            "shift_unknown": shift is None and self._at is not None and self._cause is None,
            "clock_unsynced": not at.synced,
            "log_volatile": self.volatile,
            "log_damaged": now.log_damaged,
            "disk_low": beyond(now.disk_free_mb, *_DISK_FREE_MB),
            "memory_low": beyond(now.mem_free_mb, *_MEM_FREE_MB),
            "broker_lost": self._is_cut_off(),
            "broker_refuses": self._refused,
            "refusals_unseen": not self._refusals_seen,
            "too_slow": self._is_slow(),
            "too_hot": beyond(now.temp_c, *_TEMP_C),
            "throttled": now.throttled is not None and machine.slowed_now(now.throttled),
            "under_voltage": bool(now.under_voltage),
            "card_errors": bool(now.card_errors),
            "calendar_refused": self.calendar_refused(),
            "configuration_refused": self.configuration_refused(),
            "certificate_ends": self._certificate_ends,
            "update_failed": self.update_failed(),
        }

    def _is_cut_off(self) -> bool:
        """Whether there is no connection to the broker, or it breaks repeatedly."""
        cut_off = self.connected is not None and not self.connected()
        return cut_off or (self.unsteady is not None and self.unsteady())

    def _is_slow(self) -> bool | None:
        """Whether far fewer frames come than configured; None: not known, or the camera gives none."""
        frames_per_s = self._speed.frames_per_s
        if not self.fps or frames_per_s is None or self._cause == "lost" or not self._speed.settled:
            return None
        return beyond(frames_per_s / self.fps, *_FRAMES_RATIO)

    def _log_verdict(self, reasons: tuple[Reason, ...], now_s: float) -> None:
        """Log the verdict and its reasons at a change, and each hour."""
        if reasons == self._logged and now_s - self._logged_s < _LOG_EVERY_S:
            return
        # At a change only new reasons are logged, each hour all that hold.
        before = self._logged or () if reasons != self._logged else ()
        self._logged, self._logged_s = reasons, now_s
        verdict_ = verdict(reasons)
        _log.log(_LEVELS[verdict_], HEALTH, verdict_, ",".join(reasons) or "none", extra={"reason": verdict_})
        for reason in reasons:
            if reason not in before:
                level = min(logging.WARNING, _LEVELS[verdict((reason,))])
                _log.log(level, REASON_LINES[reason], extra={"reason": reason})
