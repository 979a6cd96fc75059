"""Retention of event logs that were set aside: their events are kept as long as others, and no longer."""

from __future__ import annotations

import logging
import os
import sqlite3
from contextlib import closing, suppress
from typing import TYPE_CHECKING

from agent.core.log_messages import LOG_TOO_OLD
from agent.eventlog.damage import asides, delete
from agent.eventlog.schema import transaction

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

_log = logging.getLogger(__name__)

DAMAGED = "damaged"
MARKS = (DAMAGED, "of", "superseded", "renamed", "replaced")
# No frame is to wait long.
_AT_ONCE = 2000
_BUSY_S = 0.1
_SYNCED = '"clock":"synced"'


def damaged_asides(card: Path) -> list[Path]:
    """The damaged logs that were set aside at a path and that nobody has dealt with, newest first.

    Raises:
        OSError: the folder can't be read.
    """
    return asides(card, DAMAGED)


def delete_too_old(card: Path, before_ms: int, now_ms: int, in_use: Collection[Path | None]) -> bool:
    """Delete what is too old of the logs that were set aside at a path, a portion of each.

    Args:
        card: the path of the log in whose place they were.
        before_ms: what is older goes, UTC in ms since 1970; a file goes once all of it is.
        now_ms: now.
        in_use: files that are served still.

    Returns:
        Whether there may be more.
    """
    more = False
    for mark in MARKS:
        for path in asides(card, mark):
            if path in in_use:
                continue
            if _newest_ms(path, now_ms) < before_ms:
                delete(path)
                _log.info(LOG_TOO_OLD, path)
            elif mark not in {DAMAGED, "replaced"}:
                with suppress(sqlite3.Error, UnicodeDecodeError):
                    more |= _thinned(path, before_ms)
    return more


def _newest_ms(path: Path, now_ms: int) -> int:
    """Of the newest event whose clock was right; where none can be read, when the file was written."""
    # What is damaged stays as it is: nothing is made of what is beside it.
    with suppress(sqlite3.Error, UnicodeDecodeError), closing(_opened(path, "immutable=1")) as db:
        for ts_ms, body in db.execute("SELECT ts_ms, body FROM event ORDER BY seq DESC LIMIT ?", (_AT_ONCE,)):
            if _SYNCED in body:
                return int(ts_ms)
    with suppress(OSError):
        written_ms = max(int(part.stat().st_mtime * 1000) for part in (path, _wal(path)) if part.exists())
        if written_ms <= now_ms:
            return written_ms
        # By a clock that was ahead: its days begin now.
        os.utime(path, (now_ms / 1000, now_ms / 1000))
    return now_ms


def _thinned(path: Path, before_ms: int) -> bool:
    with closing(_opened(path, "mode=rw")) as db:
        rows = db.execute("SELECT seq, ts_ms, body FROM event ORDER BY seq LIMIT ?", (_AT_ONCE,)).fetchall()
        old = [seq for seq, ts_ms, body in rows if ts_ms < before_ms and _SYNCED in body]
        if old:
            with transaction(db):
                db.execute("DELETE FROM event WHERE seq <= ?", (old[-1],))
        return bool(old) and len(rows) == _AT_ONCE


def _opened(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?{mode}", uri=True, timeout=_BUSY_S, isolation_level=None
    )


def _wal(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")
