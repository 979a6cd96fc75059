"""Reader of event logs that may be another process's, which it never changes or holds up."""

from __future__ import annotations

import json
import shutil
import sqlite3
import time
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from stat import S_ISREG
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Self, TypeVar

from agent.errors import ConfigError, LogError
from agent.eventlog.damage import sqlite_remedy
from agent.eventlog.file_identity import size_bytes
from agent.eventlog.schema import APPLICATION_ID, VERSION

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from zoneinfo import ZoneInfo

Body = dict[str, Any]
_T = TypeVar("_T")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
# Before each try to read while an agent opens or closes its log: a moment, and longer on a busy machine.
_PAUSES_S = (0.0, 0.0, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
_WAL = "-wal"
_PAGE = 500
_ROWS = """
SELECT seq, ts_ms, coalesce(CAST(type AS BLOB), x''), coalesce(CAST(rule AS BLOB), x''),
    coalesce(CAST(body AS BLOB), x'') FROM event
WHERE seq > ? AND ts_ms >= ? AND ts_ms < ? ORDER BY seq LIMIT ?
"""
# Of a damaged log: so many numbers one after the other that can't be read are its end.
_MOST_LOST = 100_000
_ALWAYS_MS = (-(2**63), 2**63 - 1)


class NoLogError(ConfigError):
    """There is no file."""


@dataclass(frozen=True, slots=True)
class LogRow:
    """What the log has under a number, `body` to the byte; it may have been tampered with."""

    seq: int
    ts_ms: int
    type: str
    rule: str
    body: bytes

    @property
    def payload(self) -> Body | None:
        """What is published; None: it is not even JSON."""
        try:
            payload = json.loads(self.body.decode())
        except (ValueError, RecursionError):
            return None
        return payload if isinstance(payload, dict) else None

    def local(self, zone: ZoneInfo) -> datetime:
        """When it was, at a place."""
        try:
            return (_EPOCH + self.ts_ms * _MS).astimezone(zone)
        except OverflowError:
            return _EPOCH


@dataclass(frozen=True, slots=True)
class Head:
    """Id and numbers of a log.

    Attributes:
        log_id: of it; empty where it has lost it.
        first_seq: of the oldest event; one more than `last_seq` where there is none.
        last_seq: of the newest event; 0 where there is none.
        delivered: up to where a broker has taken it, as it is noted.
    """

    log_id: str
    first_seq: int
    last_seq: int
    delivered: str


def events_between(path: Path, start: datetime, end: datetime) -> list[Body]:
    """The events from `start` to before `end`, oldest first, as they were published.

    Args:
        path: of the log.
        start: with a zone.
        end: with a zone.

    Raises:
        ConfigError: there is no log, or it is none of this agent's.
        LogError: it is damaged or can't be read.
    """
    window = [(moment - _EPOCH) // _MS for moment in (start, end)]
    query = "SELECT body FROM event WHERE ts_ms >= ? AND ts_ms < ? ORDER BY seq"
    with LogReader(path) as log:
        rows = log.read(lambda db: db.execute(query, window).fetchall())
    bodies = [_parsed(str(body)) for (body,) in rows]
    if None in bodies:
        raise LogError(f"the event log {path} is damaged: there is something in it that is no event.")
    return [body for body in bodies if body is not None]


def newest(path: Path) -> datetime | None:
    """When the newest event was; None where there is none.

    Raises:
        ConfigError, LogError: as above.
    """
    query = "SELECT ts_ms FROM event ORDER BY seq DESC LIMIT 1"
    with LogReader(path) as log:
        rows = log.read(lambda db: db.execute(query).fetchall())
    return _EPOCH + rows[0][0] * _MS if rows else None


def events_in_file(path: Path) -> list[Body]:
    """The events of a file that `replay --events` wrote, or is still writing.

    Raises:
        ConfigError: it can't be read, or has something else in it.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    except OSError as error:
        raise ConfigError(f"{path}: can't be read ({error.strerror}).") from error
    except UnicodeDecodeError:
        lines = ["no text"]
    if lines and not lines[-1].endswith("\n"):
        # Cut off while it was written, unless it can be read.
        lines[-1:] = [line for line in lines[-1:] if _parsed(line) or len(lines) == 1]
    events = []
    for number, line in enumerate(lines, 1):
        event = _parsed(line)
        if event is None:
            raise ConfigError(f"{path}: line {number} is no event; give a file that `replay --events` wrote.")
        events.append(event)
    return events


def _parsed(line: str) -> Body | None:
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) and "type" in event else None


class LogReader:
    """Reads a log in portions, which may be written, replaced or taken away meanwhile.

    Nothing is held between two portions. A log that was carried away without its shared memory is
    copied, once.
    """

    def __init__(self, path: Path) -> None:
        """Take where the log is, or will be."""
        self._path = path
        self._stack = ExitStack()
        self._copied: tuple[Path, object] | None = None

    def __enter__(self) -> Self:
        """Nothing is opened yet."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove the copy."""
        self._stack.close()

    def traces(self) -> tuple[object, ...]:
        """What changes whenever somebody writes, if not in the same instant; cheap to ask for."""
        return tuple(_trace(Path(f"{self._path}{end}")) for end in ("", _WAL))

    def head(self) -> Head:
        """Read id and numbers of the log.

        Raises:
            NoLogError: there is no file.
            ConfigError: it is no log of this agent's, or of a newer one's.
            LogError: it is damaged or can't be read.
        """
        return self.read(_head)

    def page(
        self, after_seq: int, window_ms: tuple[int, int] = _ALWAYS_MS, limit: int = _PAGE
    ) -> tuple[Head, list[LogRow]]:
        """The next events after a number, oldest first, and the log's head at that moment.

        Args:
            after_seq: the last that is known.
            window_ms: only events from the one to before the other, in ms since 1970.
            limit: at most so many.

        Raises:
            As `head`.
        """

        def page(db: sqlite3.Connection) -> tuple[Head, list[LogRow]]:
            rows = db.execute(_ROWS, (after_seq, *window_ms, limit)).fetchall()
            return _head(db), [_row(*row) for row in rows]

        return self.read(page)

    def readable(self, after_seq: int) -> tuple[list[LogRow], int | None]:
        """The next events of a damaged log after a number, past what can't be read.

        Returns:
            Them, and after which number there may be more; None: there are none.

        Raises:
            NoLogError, ConfigError: as `head`.
        """

        def readable(db: sqlite3.Connection) -> tuple[list[LogRow], int | None]:
            rows: list[LogRow] = []
            after, lost = after_seq, 0
            while lost < _MOST_LOST:
                try:
                    for row in db.execute(_ROWS, (after, *_ALWAYS_MS, _PAGE - len(rows))):
                        rows.append(_row(*row))
                        after, lost = row[0], 0
                except sqlite3.DatabaseError:
                    # A page is lost with all that is in it; which numbers that were nobody knows.
                    after, lost = after + 1 + lost // 1000, lost + 1
                    continue
                return rows, after if len(rows) == _PAGE else None
            return rows, None

        return self.read(readable)

    def before_last(self, number: int) -> int:
        """The number after which so many events are left; 0 where there are no more than that.

        Raises:
            As `head`.
        """

        def before(db: sqlite3.Connection) -> int:
            row = db.execute("SELECT seq FROM event ORDER BY seq DESC LIMIT 1 OFFSET ?", (number,)).fetchone()
            return int(row[0]) if row else 0

        return self.read(before)

    def integrity(self) -> str:
        """What SQLite finds wrong in the file; empty if nothing.

        Raises:
            As `head`.
        """
        found = self.read(lambda db: str(db.execute("PRAGMA integrity_check(1)").fetchone()[0]))
        return "" if found == "ok" else " ".join(found.split())

    def read(self, ask: Callable[[sqlite3.Connection], _T]) -> _T:
        """Ask the log something, of one moment.

        Raises:
            As `head`.
        """
        path = self._path
        for pause_s in _PAUSES_S:
            time.sleep(pause_s)
            failure: sqlite3.Error | UnicodeDecodeError | None = None
            try:
                before, at_rest = self.traces(), not _has_wal(path)
                live = not at_rest and path.with_name(f"{path.name}-shm").exists()
                with closing(self._opened(at_rest=at_rest, live=live)) as db:
                    _check_form(path, db)
                    db.execute("BEGIN")
                    answer = ask(db)
            except (sqlite3.Error, UnicodeDecodeError) as error:
                failure = error
            except FileNotFoundError as error:
                if path.exists():
                    # What was beside it went when its agent closed it.
                    continue
                raise NoLogError(
                    f"{path}: there is no event log here; give the configuration of the agent that writes it."
                ) from error
            except PermissionError as error:
                raise ConfigError(f"{path}: it is not yours to read; do it as root (sudo).") from error
            # What was opened as at rest, somebody may have begun to write meanwhile, and the other way round.
            if at_rest == _has_wal(path) or (not live and before != self.traces()):
                continue
            if live and _is_being_opened(failure):
                continue
            if failure:
                why = sqlite_remedy(failure) if isinstance(failure, sqlite3.Error) else "it is damaged"
                raise LogError(f"the event log {path} can't be read: {why}.") from failure
            return answer
        raise LogError(f"the event log {path} is opened and closed all the time; try again.")

    def _opened(self, *, at_rest: bool, live: bool) -> sqlite3.Connection:
        """Connect without making or changing a file.

        Args:
            at_rest: it is all in the file, and nobody writes.
            live: an agent holds it, or one was killed and left it so.
        """
        path = self._path
        if not S_ISREG(path.stat().st_mode):
            raise ConfigError(f"{path}: this is no file, so no event log; see [log] path.")
        if at_rest:
            return _connected(path, "immutable=1")
        if live:
            return _connected(path, "readonly_shm=1")
        # Carried away without its shared memory, which SQLite would make beside it.
        traces = self.traces()
        if self._copied is None or self._copied[1] != traces:
            self._stack.close()
            copy = Path(self._stack.enter_context(TemporaryDirectory())) / path.name
            for end in ("", _WAL):
                shutil.copyfile(f"{path}{end}", f"{copy}{end}")
            self._copied = copy, traces
        return _connected(self._copied[0])


def _is_being_opened(failure: Exception | None) -> bool:
    """Whether another process holds the shared memory and has not written into it yet what a reader needs."""
    # SQLite would do that itself, if it could write; its extended codes end with the plain one.
    return getattr(failure, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_READONLY


def _row(seq: int, ts_ms: int, kind: bytes, rule: bytes, body: bytes) -> LogRow:
    return LogRow(seq, ts_ms, kind.decode(errors="replace"), rule.decode(errors="replace"), body)


def _head(db: sqlite3.Connection) -> Head:
    meta = dict(db.execute("SELECT key, value FROM meta"))
    first, last = db.execute("SELECT (SELECT min(seq) FROM event), (SELECT max(seq) FROM event)").fetchone()
    last_seq = last or 0
    first_seq = last_seq + 1 if first is None else first
    return Head(meta.get("log_id", ""), first_seq, last_seq, meta.get("delivered", "0"))


def _trace(path: Path) -> object:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _connected(path: Path, *how: str) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?{'&'.join(('mode=ro', *how))}"
    return sqlite3.connect(uri, uri=True, isolation_level=None)


def _has_wal(path: Path) -> bool:
    """Whether something is written that is not in the file itself yet."""
    return size_bytes(path, _WAL) > 0


def _check_form(path: Path, db: sqlite3.Connection) -> None:
    try:
        (application,) = db.execute("PRAGMA application_id").fetchone()
        (version,) = db.execute("PRAGMA user_version").fetchone()
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorname", "") != "SQLITE_NOTADB":
            raise
        application = version = 0
    if application != APPLICATION_ID:
        raise ConfigError(f"{path}: this is no event log of presence-agent; see [log] path.")
    if version > VERSION:
        raise ConfigError(
            f"the event log {path} was written by a newer agent (form {version}, this one knows {VERSION}); "
            "read it with that version."
        )
