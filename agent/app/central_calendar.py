"""Working hours and days off that a central system sets with `cmd/calendar`, kept beside the event log.

They win over the configuration's until an empty message comes. Nothing else can be set so. Of two messages
that say when they were set the later holds: an office's broker passes its province's on again each time that
the line between them comes back. An empty message says no time, so what comes after it is taken.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from dataclasses import dataclass, replace
from itertools import islice
from threading import Lock
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import ValidationError

from agent.config.conflicts import conflicts
from agent.config.holidays import public_holidays
from agent.config.messages import MOST_BYTES, sentences, shown
from agent.config.models import BaseConfig, CalendarConfig, Config, HoursConfig
from agent.config.types import tables
from agent.core.log_messages import (
    CALENDAR_CLEARED,
    CALENDAR_HOLDS,
    CALENDAR_LOST,
    CALENDAR_NOT_KEPT,
    CALENDAR_OLDER,
    CALENDAR_REFUSED,
)
from agent.errors import AgentError, ConfigError
from agent.install.atomic import remove_durably, replace_atomically
from agent.wire.calendar import CalendarWire, HoursWire, WorkdayWire
from agent.wire.payloads import utc_text

if TYPE_CHECKING:
    from pathlib import Path

    from agent.core.frame import Instant

_log = logging.getLogger(__name__)

_VERSION: Final = 1
# Four periods on each day of the week, each in a table of its own.
_MOST_TABLES = 28
# At most so many problems of one message are logged; it may be an attacker's.
_MOST_PROBLEMS = 3
# The text and what is kept with it, its quotation marks escaped.
_MOST_KEPT_BYTES = 4 * MOST_BYTES
_KEEP_AGAIN_S = 60.0
_TS = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z")


class CalendarCommand(BaseConfig):
    """What `cmd/calendar` has beside its `v` and `ts`, as in the configuration."""

    hours: Annotated[tuple[HoursConfig, ...], tables("hours")]
    """Working hours; none: always open."""
    calendar: CalendarConfig = CalendarConfig()
    """Days that differ; without it there are none."""


@dataclass(frozen=True, slots=True)
class CentralCalendar:
    """Working hours and days off that the centre set.

    Attributes:
        text: the message as it came.
        digest: 16 hex digits, the first of the text's sha256.
        command: what is in it.
        ts: when the centre set it, UTC as on the wire; empty: it does not say.
        since: start of being in force, UTC as on the wire, by the clock of then; empty: not yet.
    """

    text: str
    digest: str
    command: CalendarCommand
    ts: str = ""
    since: str = ""

    @classmethod
    def read(cls, text: str) -> CentralCalendar:
        """Parse and check a message, which may be an attacker's.

        Raises:
            ConfigError: it is not valid; sentences that say what would be right.
            AgentError: the public holidays that it names can't be worked out here.
        """
        command, ts = _command(text)
        if command.calendar.country and command.hours:
            # Computed now, not between two frames: it takes a second.
            public_holidays(command.calendar.country)
        return cls(text, digest_of(text), command, ts)

    def over(self, config: Config) -> Config:
        """The configuration with this in the place of its own hours and days off."""
        return config.model_copy(update={"hours": self.command.hours, "calendar": self.command.calendar})


def digest_of(text: str) -> str:
    """First 16 hex digits of a message's sha256; the centre computes the same."""
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()[:16]


def kept_at(log_path: Path) -> Path:
    """Path of the file that keeps the centre's calendar."""
    return log_path.with_name(f"{log_path.name}.calendar.json")


def read_kept(config: Config) -> CentralCalendar | None:
    """The calendar kept for this agent; None: there is none.

    Raises:
        ConfigError: it can't be read, or is not what was written.
    """
    path = kept_at(config.log.path)
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_KEPT_BYTES + 1)
        body: Any = json.loads(content)
        text, since, agent = str(body["text"]), body["since"], body["agent"]
        whole = body["digest"] == digest_of(text) and isinstance(since, str)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    except (ValueError, TypeError, LookupError, RecursionError):
        whole = False
    if not whole:
        raise ConfigError(f"{path} is damaged")
    # The card may be another agent's that was taken over: its hours do not apply.
    return replace(CentralCalendar.read(text), since=since) if agent == _agent(config) else None


class CalendarKeeper:
    """The centre's calendar: received by the publisher's thread, applied and stored by the main loop.

    Attributes:
        central: the calendar in force; None: the configuration's own hours are.
        refused: whether the message that came last was not valid.
    """

    def __init__(self, config: Config) -> None:
        """Read the calendar that is kept on the card."""
        self._path = kept_at(config.log.path)
        self._agent = _agent(config)
        self._lock = Lock()
        self._refused: str | None = None
        self._older: str | None = None
        self._keep_at_s: float | None = None
        self._is_cleared = self._is_loss_logged = False
        self.central: CentralCalendar | None = None
        try:
            self.central = read_kept(config)
        except AgentError as error:
            _log.warning(CALENDAR_LOST, str(error).partition("\n")[0])
            self._is_loss_logged = True
        if self.central:
            _log.info(CALENDAR_HOLDS, self.central.digest, self.central.since)
        self._newest = self.central

    @property
    def refused(self) -> bool:
        """Whether the message that came last was not valid."""
        return self._refused is not None

    # --- called by the publisher's thread

    def receive(self, text: str) -> None:
        """Check a received message; the broker sends the retained one again at each connection."""
        digest, before = digest_of(text), self._newest
        if text and before and before.digest == digest:
            self._refused = None
            return
        try:
            newest = CentralCalendar.read(text) if text else None
        except AgentError as error:
            if self._refused != digest:
                for sentence in str(error).splitlines():
                    _log.warning(CALENDAR_REFUSED, sentence)
            self._refused = digest
            return
        if newest and before and newest.ts and newest.ts < before.ts:
            if self._older != digest:
                _log.info(CALENDAR_OLDER, newest.ts, before.ts)
            self._older, self._refused = digest, None
            return
        with self._lock:
            self._newest = newest
        self._refused = None

    def absent(self, known: str) -> None:
        """The broker has no such message.

        Args:
            known: time of the newest retained message of this agent that it has, UTC as on the wire; empty:
                it has none, so that it may have lost the calendar too.
        """
        self._refused = None
        with self._lock:
            since = self._newest.since if self._newest else ""
            if since and known > since:
                # It was cleared while this agent was away.
                self._newest = None

    # --- called by the main loop

    def compare(self, noted: str | None) -> str:
        """Log if the calendar that was noted last is lost; return the digest to note now.

        Args:
            noted: digest that was in force by the event log; empty or None: none was.
        """
        digest = self.central.digest if self.central else ""
        if noted and not digest and not self._is_cleared and not self._is_loss_logged:
            _log.warning(CALENDAR_LOST, f"{self._path} is gone")
        return digest

    def apply_received(self, at: Instant) -> bool:
        """Put the newest received calendar in force; return whether the hours changed by that."""
        with self._lock:
            newest, before = self._newest, self.central
            if newest and before and newest.digest == before.digest:
                newest = before
            elif newest:
                newest = replace(newest, since=utc_text(at.utc))
            self._newest = newest
        if newest is before:
            if self._keep_at_s is not None and at.monotonic_s >= self._keep_at_s:
                self._keep(at)
            return False
        self.central, self._is_cleared = newest, newest is None
        if newest:
            _log.info(CALENDAR_HOLDS, newest.digest, newest.since)
        else:
            _log.info(CALENDAR_CLEARED)
        self._keep(at)
        return True

    def _keep(self, at: Instant) -> None:
        is_logged, self._keep_at_s = self._keep_at_s is not None, None
        try:
            if self.central is None:
                remove_durably(self._path)
            else:
                replace_atomically(self._path, self._body(self.central), 0o600)
        except OSError as error:
            self._keep_at_s = at.monotonic_s + _KEEP_AGAIN_S
            if not is_logged:
                _log.warning(CALENDAR_NOT_KEPT, error.strerror or error)

    def _body(self, central: CentralCalendar) -> bytes:
        kept = {"v": 1, "agent": self._agent, "since": central.since, "digest": central.digest}
        return json.dumps({**kept, "text": central.text}, ensure_ascii=False).encode(errors="replace")


def hours_wire(config: Config | CalendarCommand) -> tuple[HoursWire, ...]:
    """The working hours as `info` and `cmd/calendar` have them."""
    return tuple(
        HoursWire(
            days=table.days, periods=tuple((_clock(start), _clock(end)) for start, end in table.periods)
        )
        for table in config.hours
    )


def calendar_wire(config: Config | CalendarCommand) -> CalendarWire:
    """The days that differ as `info` and `cmd/calendar` have them."""
    calendar = config.calendar
    return CalendarWire(
        country=calendar.country,
        holidays=tuple(day.isoformat() for day in calendar.holidays),
        workdays=tuple(WorkdayWire(date=day.date.isoformat(), like=day.like) for day in calendar.workdays),
    )


def checked(raw: dict[str, Any], most: int | None = None) -> CalendarCommand:
    """Working hours and days off, as a file or a message has them.

    Args:
        raw: the two tables.
        most: so many problems are reported; None: all.

    Raises:
        ConfigError: they can't be so; a sentence each.
    """
    try:
        command = CalendarCommand.model_validate(raw)
    except ValidationError as error:
        raise ConfigError(*islice(sentences(error, CalendarCommand, raw), most)) from None
    if len(command.hours) > _MOST_TABLES:
        raise ConfigError(f"hours has {len(command.hours)} entries: join some, {_MOST_TABLES} are enough.")
    if problems := tuple(islice(conflicts(raw), most)):
        raise ConfigError(*problems)
    return command


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _agent(config: Config) -> str:
    return f"{config.device.site}/{config.device.name}"


def _command(text: str) -> tuple[CalendarCommand, str]:
    """What is in a message, and when it was set."""
    if len(text) > MOST_BYTES:
        raise ConfigError(f"it is longer than {MOST_BYTES // 1024} kB, which no hours are.")
    raw = _object(text)
    version = raw.pop("v", None)
    if type(version) is not int or version != _VERSION:
        raise ConfigError(f"v = {shown(version)}: this agent reads version {_VERSION} only.")
    if "hours" not in raw:
        raise ConfigError('hours is missing: add it, as in the configuration; "hours": [] is always open.')
    ts = raw.pop("ts", None)
    if ts is not None and not (isinstance(ts, str) and _TS.fullmatch(ts)):
        raise ConfigError(
            f"ts = {shown(ts)}: give UTC to the millisecond, 2026-11-22T00:31:05.120Z, or leave it out."
        )
    return checked(raw, _MOST_PROBLEMS), ts or ""


def _object(text: str) -> dict[str, Any]:
    try:
        raw = json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)
    except ConfigError:
        raise
    except (ValueError, RecursionError):
        raise ConfigError("it is not JSON.") from None
    if not isinstance(raw, dict):
        raise ConfigError("it is no JSON object.")
    return raw


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a key that is there twice, as TOML does; JSON itself allows it."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ConfigError(f"{shown(key)} is there twice: leave one out.")
        found[key] = value
    return found


def _no_number(text: str) -> None:
    raise ConfigError(f"{text} is no number of JSON.")
