"""Events read back from a log that may be another process's, which is never changed or held up by it."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from stat import S_ISREG
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from agent.delivery.event_log import APPLICATION_ID, VERSION
from agent.delivery.log_trouble import said
from agent.errors import ConfigError, LogError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Body = dict[str, Any]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
_TRIES = 5
_WAL = "-wal"


def events_between(path: Path, begin: datetime, end: datetime) -> list[Body]:
    """The events from `begin` to before `end`, oldest first, as they were published.

    Raises:
        ConfigError: there is no log, or it is none of this agent's.
        LogError: it is damaged or can't be read.
    """
    window = [(moment - _EPOCH) // _MS for moment in (begin, end)]
    rows = _rows(path, "SELECT body FROM event WHERE ts_ms >= ? AND ts_ms < ? ORDER BY seq", window)
    bodies = [_parsed(str(body)) for (body,) in rows]
    if None in bodies:
        raise LogError(f"the event log {path} is damaged: there is something in it that is no event.")
    return [body for body in bodies if body is not None]


def newest(path: Path) -> datetime | None:
    """When the newest event was; None where there is none.

    Raises:
        ConfigError, LogError: as above.
    """
    rows = _rows(path, "SELECT ts_ms FROM event ORDER BY seq DESC LIMIT 1")
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


def _rows(path: Path, query: str, values: Sequence[int] = ()) -> list[tuple[Any, ...]]:
    for _ in range(_TRIES):
        failure: sqlite3.Error | UnicodeDecodeError | None = None
        rows: list[tuple[Any, ...]] = []
        try:
            at_rest = not _has_wal(path)
            with _opened(path, at_rest=at_rest) as db:
                _check_form(path, db)
                rows = db.execute(query, values).fetchall()
        except (sqlite3.Error, UnicodeDecodeError) as error:
            failure = error
        except FileNotFoundError as error:
            raise ConfigError(
                f"{path}: there is no event log here; give the configuration of the agent that writes it."
            ) from error
        except PermissionError as error:
            raise ConfigError(f"{path}: it is not yours to read; do it as root (sudo).") from error
        # What was opened as at rest, somebody may have begun to write meanwhile, and the other way round.
        if at_rest == _has_wal(path):
            continue
        if failure:
            why = said(failure) if isinstance(failure, sqlite3.Error) else "it is damaged"
            raise LogError(f"the event log {path} can't be read: {why}.") from failure
        return rows
    raise LogError(f"the event log {path} is opened and closed all the time; try again.")


@contextmanager
def _opened(path: Path, *, at_rest: bool) -> Iterator[sqlite3.Connection]:
    """Connect without making or changing a file; `at_rest`: it is all in the file, and nobody writes."""
    if not S_ISREG(path.stat().st_mode):
        raise ConfigError(f"{path}: this is no file, so no event log; see [log] path.")
    with ExitStack() as stack:
        if at_rest:
            db = _connected(path, "immutable=1")
        elif path.with_name(f"{path.name}-shm").exists():
            # An agent holds it, or one was killed and left it so.
            db = _connected(path, "readonly_shm=1")
        else:
            # Carried away without its shared memory, which SQLite would make beside it.
            copy = Path(stack.enter_context(TemporaryDirectory())) / path.name
            for end in ("", _WAL):
                shutil.copyfile(f"{path}{end}", f"{copy}{end}")
            db = _connected(copy)
        yield stack.enter_context(closing(db))


def _connected(path: Path, *how: str) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?{'&'.join(('mode=ro', *how))}", uri=True)


def _has_wal(path: Path) -> bool:
    """Whether something is written that is not in the file itself yet."""
    wal = Path(f"{path}{_WAL}")
    return wal.exists() and wal.stat().st_size > 0


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
