"""Event storage with failover: the SD card, or an in-memory log while the card cannot be written."""

from __future__ import annotations

import hashlib
import logging
import secrets
from contextlib import ExitStack
from threading import Lock
from typing import TYPE_CHECKING, Self

from agent.core.log_messages import (
    LOG_IN_MEMORY,
    LOG_LEFT,
    LOG_LEFT_UNREADABLE,
    LOG_NO_MEMORY_FILE,
    LOG_NOT_PUT_BACK,
    LOG_NOT_TIDIED,
    LOG_ON_CARD,
    LOG_PUT_BACK,
    LOG_PUT_BACK_OVER,
    LOG_RESTORED,
)
from agent.errors import BusyError, DamagedError, LogError
from agent.eventlog.damage import asides, delete
from agent.eventlog.log import SHARED, EventLog
from agent.eventlog.recovery import alive_note
from agent.eventlog.retention import Retention
from agent.eventlog.set_aside import delete_too_old

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from types import TracebackType

    from agent.core.event import Event
    from agent.core.frame import Instant
    from agent.wire.payloads import Sender

_log = logging.getLogger(__name__)

# A card wears: what was open when the agent was killed ends at most this long too early.
_NOTE_S = 60.0
# As often it is checked whether the card takes events again, and what is delivered.
_CHECK_S = 60.0
# As often old events of the other logs are deleted; soon again where there is more.
_TIDY_S = 3600.0
_TIDY_SOON_S = 1.0
_VOLATILE_DAYS = 30
_VOLATILE_MB = 20
# In a volatile log: which log it goes on from, and after which number.
_AFTER = "after"


class FailoverLog:
    """Stores events whatever the card does; the one place that decides in which log.

    ::

        card ── fails ──▶ volatile ── card takes events again ──▶ card
                 the one that is left is served until all of it is delivered

    A volatile log is a file in a folder that is memory (systemd's RUNTIME_DIRECTORY), so that it outlives
    a kill; the next start finds it. Where there is no such folder it is lost with the process.
    """

    def __init__(
        self, card: EventLog, sender: Sender, retention: Retention, *, folder: Path | None = None
    ) -> None:
        """Take the log on the card.

        Args:
            card: open.
            sender: goes into each event.
            retention: of the log on the card.
            folder: for volatile logs, kept in memory by the system; None: they end with the process.
        """
        self._card = card
        self._sender = sender
        self._retention = retention
        self._folder = folder
        self._use: Callable[..., None] = lambda *_: None
        self._log = card
        self._volatile_retention = Retention(_VOLATILE_DAYS, _VOLATILE_MB, delivers=True)
        self._others: list[EventLog] = []
        self._ended: list[EventLog] = []
        self._noted_s = 0.0
        self._check_at_s: float | None = None
        self._tidy_at_s: float | None = None
        self._lock = Lock()
        self._superseded: tuple[EventLog, int] | None = None
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        """Find what earlier runs left undelivered elsewhere than in the card's log."""
        for path in self._leftover():
            try:
                log = self._stack.enter_context(EventLog(self._sender, path, reserve=False))
                self._delete_doubles(log)
                self._delete_unshared(log)
            except (LogError, BusyError) as error:
                _log.warning(LOG_LEFT_UNREADABLE, error)
                continue
            if log.delivered >= log.last_seq:
                self._close(log)
                continue
            self._others.append(log)
            _log.info(LOG_LEFT, log.last_seq - max(log.delivered, log.deleted), path)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all logs but the one that was given."""
        self._stack.close()

    @property
    def log(self) -> EventLog:
        """The log that events go to now."""
        return self._log

    @property
    def volatile(self) -> bool:
        """Whether they are kept in memory only."""
        return self._log is not self._card

    @property
    def client_secret(self) -> str:
        """Of the log on the card, also while another stands in for it: to the broker it is one client."""
        return self._card.client_secret

    @property
    def leftover(self) -> tuple[EventLog, ...]:
        """The logs in memory that an earlier run left."""
        return tuple(log for log in self._others if self._is_volatile(log))

    def serve(self, use: Callable[..., None]) -> None:
        """Set who serves the logs: those that earlier runs left, now, and whatever becomes current.

        Args:
            use: takes logs; the last is the one that events go to from then on.
        """
        self._use = use
        if self._others:
            use(*(log for log in self._others if not self._is_superseded(log)), self._log)

    def superseded(self, log: EventLog, last_seq: int) -> bool:
        """A broker knows a number of a log that was never sent from here: go on in another; from any thread.

        Returns:
            Whether nothing of it may be sent until then; not if no events go to it any more.
        """
        with self._lock:
            if log is not self._card:
                return False
            self._superseded = (log, last_seq)
            return True

    def _is_superseded(self, log: EventLog) -> bool:
        with self._lock:
            return self._superseded is not None and self._superseded[0] is log

    def append(self, events: Sequence[Event], at: Instant) -> int:
        """Append events; return the last number.

        Without events it is noted every minute that the agent still ran. Events past their retention are
        deleted.

        Raises:
            LogError: not even memory takes them.
        """
        self._replace_superseded()
        if self._check_at_s is None or at.monotonic_s >= self._check_at_s:
            self._check_at_s = at.monotonic_s + _CHECK_S
            self._check_card(at)
        try:
            self._log.watch()
            if not events and at.monotonic_s - self._noted_s >= _NOTE_S:
                self._noted_s = at.monotonic_s
                self._log.note_alive(alive_note(at, self._sender.boot))
            seq = self._log.append(events)
        except LogError as error:
            self._switch(error)
            seq = self._log.append(events)
            # What is new is safe; now for what was there before.
            self._put_back(self._card)
        try:
            (self._volatile_retention if self.volatile else self._retention).delete_due(self._log, at)
            if at.synced and (self._tidy_at_s is None or at.monotonic_s >= self._tidy_at_s):
                self._tidy_at_s = at.monotonic_s + _TIDY_S
                if self._tidied(at):
                    self._tidy_at_s = at.monotonic_s + _TIDY_SOON_S
        except (LogError, OSError) as error:
            _log.warning(LOG_NOT_TIDIED, error)
        return seq

    def _tidied(self, at: Instant) -> bool:
        """Delete what is too old of the other logs; return whether there may be more.

        Raises:
            LogError: one can't be read or written.
            OSError: the folder can't be read.
        """
        before_ms, more = self._retention.before_ms(at), False
        for log in [log for log in self._others if log is not self._card]:
            more |= self._retention.delete(log, at, reports=not _is_shared(log))
            # The last of a log stays for its numbers; of this one none follow any more.
            newest = next(log.newest(), None)
            if newest and newest.ts_ms < before_ms:
                self._others.remove(log)
                self._close(log)
        if self._card.path:
            in_use = [log.path for log in (*self._others, *self._ended, self._log)]
            more |= delete_too_old(self._card.path, before_ms, int(at.utc.timestamp() * 1000), in_use)
        return more

    def _switch(self, error: LogError) -> None:
        """Go on in another log: the current one can't be written."""
        failed = self._log
        if isinstance(error, DamagedError) and failed is self._card:
            try:
                self._replace_card()
            except LogError as worse:
                error = worse
            else:
                self._log = self._card
                self._use(self._log)
                return
        _log.error(LOG_IN_MEMORY, error)
        self._log = self._volatile_log(failed)
        self._others.append(failed)
        self._use(self._log)

    def _replace_card(self) -> None:
        """Put a new log in the place of the card's, which is damaged.

        Raises:
            LogError: the card does not take it.
        """
        failed, self._card = self._card, self._card.replaced()
        self._others = [log for log in self._others if log is not failed]
        self._stack.push(self._card)

    def _put_back(self, log: EventLog) -> bool:
        """Write a log back whose file was removed or replaced; return whether it is where it was."""
        if not log.is_gone:
            return True
        try:
            aside = log.put_back()
        except DamagedError:
            return self._replace_gone()
        except (LogError, BusyError) as error:
            _log.warning(LOG_NOT_PUT_BACK, error)
            return False
        if aside:
            _log.warning(LOG_PUT_BACK_OVER, log.path, aside)
        else:
            _log.warning(LOG_PUT_BACK, log.path)
        return True

    def _replace_gone(self) -> bool:
        """Start a new log on the card, as not all of the old one can be read; return whether that worked."""
        try:
            self._replace_card()
        except (LogError, BusyError) as error:
            _log.warning(LOG_NOT_PUT_BACK, error)
            return False
        self._use(self._card, self._log)
        return True

    def _volatile_log(self, failed: EventLog) -> EventLog:
        """A log in memory: an earlier one that is still there, else a new one; not the one that failed."""
        earlier = [log for log in self._others if self._is_volatile(log)]
        if failed is self._card and self._folder:
            try:
                log = earlier[-1] if earlier else self._make_volatile(self._folder)
                log.note(_AFTER, f"{self._card.log_id} {self._card.last_seq}")
            except (LogError, BusyError) as error:
                _log.warning(LOG_NO_MEMORY_FILE, error)
            else:
                self._others = [other for other in self._others if other is not log]
                return log
        return self._stack.enter_context(EventLog(self._sender, None))

    def _make_volatile(self, folder: Path) -> EventLog:
        path = folder / f"{self._prefix()}{secrets.token_hex(4)}.db"
        return self._stack.enter_context(EventLog(self._sender, path, reserve=False))

    def _check_card(self, at: Instant) -> None:
        """Check whether the card can be written again, and what is delivered of the other logs."""
        try:
            if self.volatile and not self._put_back(self._card):
                return
            self._card.settle()
            if self.volatile:
                self._card.note_alive(alive_note(at, self._sender.boot))
                # From here on a number after that one is an event of the card's.
                self._log.note(_AFTER, "")
                self._return_to_card(*self._supersede() if self._is_superseded(self._card) else (self._card,))
        except LogError:
            # That it takes no events is in the journal.
            return
        for log in self._ended:
            self._close(log)
        self._ended = [log for log in self._others if log is not self._card and log.delivered >= log.last_seq]
        self._others = [log for log in self._others if log not in (*self._ended, self._card)]

    def _return_to_card(self, *logs: EventLog) -> None:
        left = self._log
        self._others.append(left)
        self._log = self._card
        self._use(*logs)
        _log.info(LOG_ON_CARD, self._card.path, left.last_seq - left.deleted)

    def _replace_superseded(self) -> None:
        """Go on in a new log where a broker knows this one better than the card does."""
        if self.volatile or not self._is_superseded(self._card):
            return
        try:
            logs = self._supersede()
        except LogError as error:
            # Once the card takes events again that comes first.
            self._switch(error)
            return
        self._log = self._card
        self._use(*logs)

    def _supersede(self) -> tuple[EventLog, ...]:
        """Put a new log in the place of the card's; return what is to be served then, that one last.

        Raises:
            LogError: the card does not take it.
        """
        old, new = self._card, self._card.superseded()
        with self._lock:
            _, seen = self._superseded or (old, old.reported_seq)
            self._card, self._superseded = new, None
        self._stack.push(new)
        self._others = [log for log in self._others if log is not old]
        left = (old,) if old.delivered < old.last_seq else ()
        self._others += left
        _log.warning(LOG_RESTORED, old.log_id, seen, new.log_id, new.last_seq - new.deleted)
        return (*left, new)

    def _leftover(self) -> list[Path]:
        """Logs of earlier runs, oldest first."""
        card = self._card.path
        found = [*asides(card, "of")[::-1], *asides(card, "superseded")[::-1]] if card else []
        if self._folder and self._folder.is_dir():
            files = [file for file in self._folder.glob(f"{self._prefix()}*.db") if file.is_file()]
            found += sorted(files, key=lambda file: file.stat().st_mtime)
        return found

    def _delete_doubles(self, volatile: EventLog) -> None:
        """What the card failed to acknowledge it may hold all the same: it is in the volatile log."""
        log_id, _, seq = (volatile.noted(_AFTER) or "").partition(" ")
        if log_id == self._card.log_id and seq:
            self._card.delete_after(int(seq))
            volatile.note(_AFTER, "")

    @staticmethod
    def _delete_unshared(log: EventLog) -> None:
        """Of a log that was superseded nothing may be sent but what is the same everywhere."""
        if _is_shared(log):
            # An earlier version moved all that was to be delivered.
            shared = log.noted(SHARED)
            log.delete_after(int(shared) if shared else log.delivered)

    def _prefix(self) -> str:
        """Prefix of this card's volatile logs in the folder, which other agents may share."""
        return (
            hashlib.sha256(str(self._card.path and self._card.path.absolute()).encode()).hexdigest()[:8] + "-"
        )

    def _is_volatile(self, log: EventLog) -> bool:
        return log.path is not None and log.path.parent == self._folder

    def _close(self, log: EventLog) -> None:
        """Let go of a log that is delivered; one that is only set aside stays where it is."""
        log.__exit__(None, None, None)
        if log.path and self._is_volatile(log):
            delete(log.path)


def _is_shared(log: EventLog) -> bool:
    """Whether the numbers after its last one are those of other events, that this card never had."""
    return log.path is not None and ".superseded-" in log.path.name
