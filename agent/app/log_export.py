"""`presence-agent log tail` and `log export`: the event log on the card, for people and for programs."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, BinaryIO
from zoneinfo import ZoneInfo

from agent.errors import AgentError, ConfigError, LogError
from agent.eventlog.reader import LogReader
from agent.locale.language import reader_language
from agent.render.sentences import harmless, sentence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from threading import Event

    from agent.config.models import Config
    from agent.eventlog.reader import Head, LogRow

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
_DAY = timedelta(days=1)
_EVER_MS = (-(2**63), 2**63 - 1)
_LOOK_S = 0.5
# Two writes within one step of the file system's clock leave the same time stamp.
_LOOKS_AFTER_CHANGE = 4
# A log may be unreadable while it is made, moved or copied; after so many looks it is an error.
_PATIENCE = 10
# Of a log that takes another's place so many of the last events are shown.
_OF_ANOTHER = 1000
_MOST = 1_000_000


class _Followed:
    """Reader of new events of a log, and of a log that takes its place."""

    def __init__(self, reader: LogReader, path: Path, report: Callable[[str], None]) -> None:
        self._reader = reader
        self._path = path
        self._report = report
        self._log_id: str | None = None
        self._after = 0
        self._traces: object = None
        self._looks = 0
        self._failed = 0
        self._missing = False

    def begin(self, number: int) -> Head:
        """Start before the last `number` events of the log."""
        head = self._reader.head()
        self._log_id, self._after = head.log_id, self._reader.before_last(number)
        return head

    def missing(self, error: AgentError) -> None:
        """Report once that there is no log; raise the error if one that is there stays unreadable."""
        # So that the next look reads even if the files are the same.
        self._traces = None
        if _begun(self._path):
            self._failed += 1
            if self._failed > _PATIENCE or (self._log_id is None and not self._missing):
                raise error
        elif not self._missing:
            self._missing = True
            language = reader_language()
            text = (
                language.gettext("there is no event log at {path} yet; waiting for one")
                if self._log_id is None
                else language.gettext("the event log {path} is gone; waiting for another")
            )
            self._report(text.format(path=self._path))

    def news(self) -> Iterator[LogRow]:
        """Events appended since the last look, if the files have changed."""
        traces = self._reader.traces()
        self._looks = 0 if traces != self._traces else self._looks + 1
        self._traces = traces
        if self._looks >= _LOOKS_AFTER_CHANGE:
            return
        while True:
            head, rows = self._reader.page(self._after)
            if head.log_id != self._log_id or head.last_seq < self._after:
                if self._log_id is not None:
                    text = reader_language().gettext("another event log has taken its place: {log_id}")
                    self._report(text.format(log_id=head.log_id))
                self._log_id, self._after = head.log_id, self._reader.before_last(_OF_ANOTHER)
                continue
            self._failed, self._missing = 0, False
            for row in rows:
                yield row
                self._after = row.seq
            if self._after >= head.last_seq or not rows:
                return


def tail(
    config: Config, stop: Event, number: int, report: Callable[[str], None], *, as_json: bool, follow: bool
) -> Iterator[str]:
    """Yield a line for each of the last events, then for each new one until `stop` is set.

    Args:
        config: says where the log is and what the time zone of its place is.
        stop: ends it.
        number: of events to begin with.
        report: takes sentences on the log itself: that there is none, or another one.
        as_json: the events as they were published, not in words.
        follow: wait for more, and for a log where there is none.

    Raises:
        ConfigError: there is no log, or it is none of this agent's.
        LogError: it is damaged or can't be read.
    """
    if not 0 <= number <= _MOST:
        raise ConfigError(f"-n {number}: give a number from 0 to {_MOST}.")
    path, zone = config.log.path, config.device.timezone
    with LogReader(path) as reader:
        followed = _Followed(reader, path, report)
        last: int | None = None
        try:
            last = followed.begin(number).last_seq
        except (ConfigError, LogError) as error:
            if not follow:
                raise
            followed.missing(error)
        while not stop.is_set():
            try:
                for row in followed.news():
                    if stop.is_set() or (last is not None and not follow and row.seq > last):
                        return
                    yield _as_json(row) if as_json else _in_words(row, zone)
            except (ConfigError, LogError) as error:
                if not follow:
                    raise
                followed.missing(error)
            if not follow:
                return
            stop.wait(_LOOK_S)


def export(
    config: Config, begin: datetime | date | None, end: datetime | date | None, out: Path | None
) -> None:
    """Write events as JSON lines, oldest first, to the byte as they were published.

    Args:
        config: says where the log is and what the time zone of its place is.
        begin: the first moment or local day; None: from the oldest event.
        end: the last local day, or the moment before which; None: to the newest event.
        out: the file; None: standard output.

    Raises:
        ConfigError: there is no log, it is none of this agent's, or `out` is the log.
        LogError: it is damaged; what could be read is written.
        AgentError: `out` can't be written.
    """
    path, zone = config.log.path, ZoneInfo(config.device.timezone)
    window_ms = _window_ms(begin, end, zone)
    _refuse_over(path, out)
    left_out = 0
    with LogReader(path) as reader:
        # Before anything is made or emptied.
        last = reader.head().last_seq
        with _output(out) as file:
            for row in _rows(reader, window_ms, last):
                if _is_event(row):
                    file.write(row.body + b"\n")
                else:
                    left_out += 1
    if left_out:
        raise LogError(
            f"the event log {path} is damaged: {left_out} of its events can't be read and were left out; "
            "see `presence-agent log verify`."
        )


def rescue(
    config: Config, file: Path, begin: datetime | date | None, end: datetime | date | None, out: Path | None
) -> int:
    """Write what can be read of a log that was set aside, as `export` does; return how many events.

    Args:
        config: says what the time zone of its place is.
        file: the log; nobody writes it.
        begin: the first moment or local day; None: from the oldest event.
        end: the last local day, or the moment before which; None: to the newest event.
        out: the file; None: standard output.

    Raises:
        ConfigError: there is no log, it is none of an agent's, or `out` is the log.
        AgentError: `out` can't be written.
    """
    first_ms, last_ms = _window_ms(begin, end, ZoneInfo(config.device.timezone))
    _refuse_over(file, out)
    number = 0
    with LogReader(file) as reader:
        # Before anything is made or emptied.
        rows, after = reader.readable(0)
        with _output(out) as written:
            while True:
                for row in rows:
                    if first_ms <= row.ts_ms < last_ms and _is_event(row):
                        written.write(row.body + b"\n")
                        number += 1
                if after is None:
                    return number
                rows, after = reader.readable(after)


def _refuse_over(path: Path, out: Path | None) -> None:
    if out is not None and any(
        _same(out, path.with_name(path.name + end)) for end in ("", "-wal", "-shm", ".lock")
    ):
        raise ConfigError(f"--out {out}: this is the event log itself; give another file.")


def _rows(reader: LogReader, window_ms: tuple[int, int], last: int) -> Iterator[LogRow]:
    """All events up to a number, a page at a time."""
    after = -(2**63)
    log_id: str | None = None
    while after < last:
        head, rows = reader.page(after, window_ms)
        if log_id not in {None, head.log_id}:
            raise LogError("the event log was replaced by another while it was read; try again.")
        log_id = head.log_id
        for row in rows:
            if row.seq > last:
                return
            yield row
        if not rows:
            return
        after = rows[-1].seq


@contextmanager
def _output(out: Path | None) -> Iterator[BinaryIO]:
    if out is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    try:
        with out.open("wb") as file:
            yield file
    except AgentError:
        raise
    except OSError as error:
        raise AgentError(f"--out {out}: can't be written ({error.strerror}).") from error


def _window_ms(begin: datetime | date | None, end: datetime | date | None, zone: ZoneInfo) -> tuple[int, int]:
    first, last = _EVER_MS
    if begin is not None:
        first = -((_EPOCH - _moment(begin, zone)) // _MS)
    if end is not None:
        # A day is meant to its end; half a millisecond counts for the next.
        after = _moment(end if isinstance(end, datetime) else end + _DAY, zone)
        last = -((_EPOCH - after) // _MS)
    if first >= last:
        raise ConfigError("--from and --to: there is nothing between them; give a --to after --from.")
    return first, last


def _moment(at: datetime | date, zone: ZoneInfo) -> datetime:
    if not isinstance(at, datetime):
        at = datetime.combine(at, time(), zone)
    return at.astimezone(UTC)


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return one.absolute() == other.absolute()


def _begun(path: Path) -> bool:
    """Whether the file has content, or may have: it can't be looked at."""
    try:
        return path.stat().st_size > 0
    except FileNotFoundError:
        return False
    except OSError:
        return True


def _is_event(row: LogRow) -> bool:
    return b"\n" not in row.body and row.payload is not None


def _as_json(row: LogRow) -> str:
    """The event as it was published; on one line and harmless to a terminal, whoever wrote it."""
    text = row.body.decode(errors="replace")
    return text if text.isprintable() else json.dumps(row.payload or text)


def _in_words(row: LogRow, timezone: str) -> str:
    payload = row.payload
    language = reader_language()
    local = row.local(ZoneInfo(timezone))
    when = local.strftime(language.pgettext("strftime", "%Y-%m-%d %H:%M:%S"))
    if payload is None:
        text = language.gettext("event {number} can't be read; see `presence-agent log verify`")
        return f"{when}  {text.format(number=row.seq)}"
    return harmless(f"{when}  {sentence(payload, timezone)}  [{row.rule}/{row.type.replace('.', '/')}]")
