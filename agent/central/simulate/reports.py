"""Reports of a simulated agent about itself: status, will, info, health."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from importlib.metadata import version
from typing import TYPE_CHECKING, Literal

from agent.central.simulate.plan import CALENDAR, TIMEZONE
from agent.central.simulate.scene import EPOCH
from agent.wire.health import HealthWire
from agent.wire.payloads import ModelWire, StatusWire, VersionsWire, info_wire, utc_text

if TYPE_CHECKING:
    from random import Random

    from agent.central.simulate.plan import PlacePlan
    from agent.core.visibility import BlindCause
    from agent.presence.hours import WorkingTime
    from agent.wire.calendar import HoursWire
    from agent.wire.payloads import Sender

_SURE_MS = 10_000
_FAILING = frozenset({"lost", "frozen"})


@dataclass(slots=True)
class LogBounds:
    """An agent's log: its id, its first and its last number."""

    log_id: str
    first_seq: int
    last_seq: int


class Reports:
    """What an agent says of itself.

    Attributes:
        sender: site and name.
        plan: of its place.
        working: hours of its place, with the days off.
    """

    def __init__(
        self,
        sender: Sender,
        plan: PlacePlan,
        hours: tuple[HoursWire, ...],
        working: WorkingTime,
        random: Random,
    ) -> None:
        """Take who it is.

        Args:
            sender: site and name.
            plan: of its place.
            hours: working hours as `info` has them.
            working: the same, with the days off.
            random: random numbers of its own.
        """
        self.sender, self.plan, self.working, self._hours = sender, plan, working, hours
        self._random = random
        self._digest = f"{random.getrandbits(64):016x}"
        self._started_ms = 0
        self._cause: BlindCause | None = None
        self._since_ms = 0
        self._temperature = random.uniform(48, 60)

    def start(self, at_ms: int) -> None:
        """The agent starts."""
        self._started_ms = at_ms

    def blind(self, cause: BlindCause | None, at_ms: int) -> None:
        """The camera can't see, for this cause; None: it sees."""
        self._cause, self._since_ms = cause, at_ms

    def info(self, bounds: LogBounds, session: str, at_ms: int) -> str:
        """What it is made of and set to.

        Args:
            bounds: of its log.
            session: of the connection.
            at_ms: now.
        """
        return (
            info_wire()(
                log=bounds.log_id,
                session=session,
                ts=_ts(at_ms),
                site=self.sender.site,
                device=self.sender.device,
                place=self.plan.label,
                timezone=TIMEZONE,
                versions=VersionsWire(
                    agent=version("presence-agent"),
                    python="3.13.5",
                    onnxruntime="1.23.2",
                    opencv="4.12.0",
                ),
                models=(ModelWire(name="yolox_nano", sha256="3c" * 32),),
                rules=tuple(self.plan.geometries()),
                config_digest=self._digest,
                hours=self._hours,
                calendar=CALENDAR,
            )
        ).text()

    def status(
        self, bounds: LogBounds, session: str, at_ms: int, why: Literal["stopped"] | None
    ) -> str:  # fmt: skip
        """Whether it is there; it is not, if there is a reason.

        Args:
            bounds: of its log.
            session: of the connection.
            at_ms: now.
            why: it is offline.
        """
        status = StatusWire(
            state="offline" if why else "online",
            why=why,
            log=bounds.log_id,
            session=session,
            first_seq=bounds.first_seq,
            last_seq=bounds.last_seq,
            ts=_ts(at_ms),
        )
        return status.model_dump_json(exclude_none=why is not None)

    @staticmethod
    def will(log_id: str, session: str) -> str:
        """What the broker publishes for it when it vanishes."""
        will = StatusWire(state="offline", why="lost", log=log_id, session=session)
        return will.model_dump_json(exclude_none=True)

    def health(self, bounds: LogBounds, session: str, at_ms: int) -> str:
        """How it and its device are.

        Args:
            bounds: of its log.
            session: of the connection.
            at_ms: now.
        """
        random, cause = self._random, self._cause
        self._temperature += random.uniform(-0.6, 0.6) + (54 - self._temperature) * 0.02
        night = cause == "dark" and not self.working.span(EPOCH + timedelta(milliseconds=at_ms)).open
        fault = cause is not None and not night and at_ms - self._since_ms >= _SURE_MS
        seen: dict[str, object] = {}
        if cause is not None:
            seen = {"fps_looked_at": 0.0, "motion_ratio": 0.0, "camera_shift_ratio": None}
        if cause == "lost":
            seen |= {"fps_captured": 0.0, "frame_age_s": round((at_ms - self._since_ms) / 1000, 1)}
        return HealthWire.example(
            ts=_ts(at_ms),
            log=bounds.log_id,
            session=session,
            verdict=("failing" if cause in _FAILING else "degraded") if fault else "ok",
            reasons=(f"camera_{cause}",) if fault else (),
            uptime_s=max(0, (at_ms - self._started_ms) // 1000),
            camera=cause or "ok",
            first_seq=bounds.first_seq,
            last_seq=bounds.last_seq,
            temp_c=round(self._temperature, 1),
            disk_free_mb=20_480 - bounds.last_seq // 4000,
            log_mb=round(0.3 + bounds.last_seq * 0.0003, 1),
            **seen,
        ).text()


def _ts(at_ms: int) -> str:
    return utc_text(EPOCH + timedelta(milliseconds=at_ms))
