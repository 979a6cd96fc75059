"""Place of the view over restarts, kept beside the event log; and `presence-agent accept-view`.

Three numbers and whether the view was moved: no picture is ever kept.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agent.app.placement import drawing, shifted_ratio
from agent.core.log_messages import (
    VIEW_ACCEPTED,
    VIEW_BACK,
    VIEW_FOLLOWED,
    VIEW_MOVED,
    VIEW_NOT_KEPT,
    VIEW_SHIFTED,
)
from agent.core.shift import UNSHIFTED, Shift
from agent.device.machine import serial_number
from agent.errors import LogError
from agent.health.rates import Shifts
from agent.install.atomic import replace_atomically
from agent.vision.tamper import Tamper

if TYPE_CHECKING:
    from pathlib import Path

    from agent.app.build import Stages
    from agent.config.models import Config
    from agent.core.frame import Instant
    from agent.core.visibility import Visibility

_log = logging.getLogger(__name__)

_MOST_BYTES = 1000
_WAIT_S = 10.0
_POLL_S = 0.1
_BY_COMMAND = "presence-agent accept-view"
_BY_CONFIGURATION = "lines, zones, masks or the camera were changed in the configuration"


def kept_at(log_path: Path) -> Path:
    """Path of the file that keeps the view's shift."""
    return log_path.with_name(f"{log_path.name}.view.json")


def asked_at(log_path: Path) -> Path:
    """Path of the file by which `accept-view` asks the agent."""
    return log_path.with_name(f"{log_path.name}.accept-view")


@dataclass(frozen=True, slots=True)
class KeptView:
    """Place of the view, as kept in the file.

    Attributes:
        shift: that the rules followed.
        moved: the view was moved further than rules follow, and nobody has accepted it.
        drawn_for: digest of the drawing and its camera; after a change of either this file is void.
    """

    shift: Shift
    moved: bool
    drawn_for: str


def read_view(path: Path) -> KeptView | None:
    """Read the file; None: there is none, or it is not valid."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            return None
        body: Any = json.loads(path.read_text(encoding="utf-8"))
        numbers = [float(body[name]) for name in ("dx_ratio", "dy_ratio", "degrees")]
        moved, drawn_for = body["moved"], body["drawn_for"]
    except (OSError, ValueError, TypeError, LookupError, RecursionError):
        return None
    if not all(abs(number) <= most for number, most in zip(numbers, (0.1, 0.1, 5.0), strict=True)):
        return None
    if not isinstance(moved, bool) or not isinstance(drawn_for, str):
        return None
    return KeptView(Shift(*numbers), moved, drawn_for)


def write_view(path: Path, view: KeptView) -> None:
    """Write the file atomically; OSError: the card does not take it."""
    shift = view.shift
    body = {
        "v": 1,
        "dx_ratio": round(shift.dx_ratio, 6),
        "dy_ratio": round(shift.dy_ratio, 6),
        "degrees": round(shift.degrees, 4),
        "moved": view.moved,
        "drawn_for": view.drawn_for,
    }
    replace_atomically(path, json.dumps(body).encode(), 0o600)


def drawn_for(config: Config) -> str:
    """Digest of lines, zones and masks, and of the camera that they were drawn for; 16 hex digits."""
    text = json.dumps([drawing(config), serial_number()], default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class _Place:
    """The view's files beside a log, and the drawing that they are for."""

    kept: Path
    asked: Path
    drawn_for: str

    @classmethod
    def of(cls, config: Config) -> _Place:
        path = config.log.path
        return cls(kept_at(path), asked_at(path), drawn_for(config))


class ViewKeeper:
    """Restores the view's place after a start, stores each change of it, and logs it to the journal."""

    def __init__(self, config: Config, stage: Stages, at: Instant) -> None:
        """Restore the place of the view, from the file and the log, in the stages.

        Args:
            config: names the log, beside which the file is.
            stage: the stages; their ledger has its state from the log already.
            at: this moment.
        """
        self._stage = stage
        self._place = _Place.of(config)
        self._shifts = Shifts()
        self._is_shifted = self._ignores_requests = False
        self._visibility: Visibility | None = None
        self._is_stored = True
        self._kept = before = read_view(self._place.kept)
        blind = stage.ledger.blindness
        moved = blind is not None and blind.cause == "moved"
        shift = UNSHIFTED
        if before and before.drawn_for != self._place.drawn_for:
            if before.moved or moved or before.shift != UNSHIFTED:
                _log.info(VIEW_ACCEPTED, _BY_CONFIGURATION)
            moved = False
        elif before:
            shift, moved = before.shift, moved or before.moved
        self._was_moved, self._logged_shift = False, shift
        stage.resume_view(shift, at, moved=moved)
        self._keep()

    @property
    def _is_moved(self) -> bool:
        tamper = self._stage.tamper
        return isinstance(tamper, Tamper) and tamper.is_away

    def update(self, visibility: Visibility, at: Instant) -> None:
        """Store and log what changed of the view by this frame."""
        placed, moved = self._stage.placing.shift, self._is_moved
        # Stored before it is logged, so that a power cut does not make the journal wrong.
        if self._kept is None or (placed, moved) != (self._kept.shift, self._kept.moved):
            self._keep()
        if moved and not self._was_moved:
            _log.warning(VIEW_MOVED)
        self._was_moved = moved
        if visibility is not self._visibility:
            self._visibility = visibility
            self._log_shift(visibility, at, placed)

    def _log_shift(self, visibility: Visibility, at: Instant, placed: Shift) -> None:
        size_px = self._stage.size_px
        known = visibility.shift is not None and visibility.cause is None
        self._shifts.update(
            at.monotonic_s, shifted_ratio(visibility.shift, size_px) if known and visibility.shift else None
        )
        most = self._shifts.most
        if placed != self._logged_shift:
            self._logged_shift = placed
            if placed != UNSHIFTED:
                _log.info(VIEW_FOLLOWED, 100 * placed.apart_ratio(UNSHIFTED, size_px))
        if most and not self._is_shifted:
            self._is_shifted = True
            if placed == UNSHIFTED:
                _log.info(VIEW_SHIFTED, 100 * most)
        elif most == 0 and self._is_shifted and placed == UNSHIFTED:
            self._is_shifted = False
            _log.info(VIEW_BACK)

    def apply_settings(self, config: Config) -> None:
        """Take a reloaded configuration, which the stages have already."""
        before, was_moved = self._place.drawn_for, self._was_moved
        self._place = _Place.of(config)
        if self._place.drawn_for != before:
            if (was_moved and not self._is_moved) or self._logged_shift != UNSHIFTED:
                _log.info(VIEW_ACCEPTED, _BY_CONFIGURATION)
            self._forget()
        self._keep()

    def answer(self, at: Instant) -> None:
        """Accept the view if `presence-agent accept-view` asks for it."""
        if self._ignores_requests or not self._place.asked.exists():
            return
        self._stage.accept_view(at)
        self._forget()
        self._keep()
        _log.info(VIEW_ACCEPTED, _BY_COMMAND)
        try:
            self._place.asked.unlink(missing_ok=True)
        except OSError as error:
            # The file stays: without this the view would be accepted again each second.
            self._ignores_requests = True
            _log.warning(VIEW_NOT_KEPT, f"{self._place.asked}: {error.strerror}")

    def _forget(self) -> None:
        """Start over with an unshifted view."""
        self._shifts, self._is_shifted = Shifts(), False
        self._logged_shift, self._was_moved = UNSHIFTED, self._is_moved

    def _keep(self) -> None:
        now = KeptView(self._stage.placing.shift, self._is_moved, self._place.drawn_for)
        if now == self._kept:
            return
        self._kept = now
        try:
            write_view(self._place.kept, now)
        except OSError as error:
            if self._is_stored:
                _log.warning(VIEW_NOT_KEPT, error.strerror or error)
            self._is_stored = False
        else:
            self._is_stored = True


def accept_view(config: Config, wait_s: float = _WAIT_S) -> str:
    """Ask the running agent to accept the present view; return a sentence on the result.

    Raises:
        LogError: the folder of the event log is not there, or can't be written.
    """
    path = config.log.path
    asked, before = asked_at(path), read_view(kept_at(path))
    try:
        asked.touch(mode=0o644)
    except FileNotFoundError as error:
        raise LogError(
            f"{path.parent} is not there: no agent has run with this configuration yet; what it sees when it "
            "starts is right."
        ) from error
    except OSError as error:
        remedy = "run it with sudo" if isinstance(error, PermissionError) else "check the disk"
        raise LogError(f"{asked} can't be written ({error.strerror}); {remedy}.") from error
    end_s = time.monotonic() + wait_s
    while asked.exists():
        if time.monotonic() >= end_s:
            return (
                "No running agent took it up yet: what the camera sees is accepted when the agent starts, or "
                "goes on."
            )
        time.sleep(_POLL_S)
    if before and before.moved:
        return "Accepted: the camera was moved, and counts again; lines and zones lie as they are configured."
    if before and before.shift != UNSHIFTED:
        return (
            "Accepted: lines, zones and masks lie as they are configured, and no longer follow the old view."
        )
    return "Accepted: what the camera sees now is the usual view; it was not known to be moved."
