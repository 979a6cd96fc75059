"""`presence-agent log verify`: integrity of an event log, and of every event in it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from agent.errors import LogError
from agent.eventlog.file_identity import size_bytes
from agent.eventlog.reader import LogReader
from agent.eventlog.set_aside import damaged_asides
from agent.locale.language import N_, reader_language
from agent.locale.problems import translated
from agent.render.sentences import harmless
from agent.wire.events import EVENTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from agent.config.models import Config
    from agent.eventlog.reader import Head, LogRow

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
_FIRST = -(2**63)
# Sentence for each kind of problem: `n` found, the first of them as the example.
_SENTENCES = {
    "gap": N_("numbers are missing and no events.dropped reports them ({n} gaps): {example}."),
    "unreadable": N_("there are events that can't be read ({n}): {example}."),
    "other": N_("there are events that are not what their row says ({n}): {example}."),
    "schema": N_("there are events without the fields of their type, or with others ({n}): {example}."),
    "clock": N_(
        "the time falls though the clock was right, with no agent.clock_set for it ({n}): {example}."
    ),
    "delivered": N_("what is noted as delivered can't be: {example}."),
    "damaged": N_("the file is damaged: {example}; move it away and a new one is started."),
    "id": N_("the log's own id is wrong or lost: {example}; move the log away and a new one is started."),
}
_ASIDE = N_(
    "{aside} is a damaged log that was set aside: save what can be read of it with 'sudo presence-agent log "
    "export --file {aside} --out damaged.jsonl', then delete it with 'sudo rm -f {aside} {aside}-wal "
    "{aside}-shm'."
)


@dataclass(slots=True)
class _Found:
    """Problems found: number of each kind, and the first one as the example."""

    number: Counter[str] = field(default_factory=Counter)
    example: dict[str, str] = field(default_factory=dict)

    def add(self, kind: str, example: str) -> None:
        self.number[kind] += 1
        self.example.setdefault(kind, example)

    def sentences(self) -> list[str]:
        language = reader_language()
        return [
            language.gettext(text).format(n=self.number[kind], example=_short(self.example[kind]))
            for kind, text in _SENTENCES.items()
            if kind in self.number
        ]


class _Checks:
    """Checks of one event after the other, in the order of their numbers."""

    def __init__(self, log_id: str, found: _Found) -> None:
        self._log_id = log_id
        self._found = found
        self._synced_ms: int | None = None
        self._last: int | None = None
        self.types: Counter[str] = Counter()
        self.ends: list[LogRow] = []
        self.gaps: list[tuple[int, int]] = []
        self.dropped: list[tuple[int, int]] = []

    @property
    def unknown(self) -> int:
        """Number of events of types that this version does not know."""
        return sum(number for kind, number in self.types.items() if kind not in EVENTS)

    def begin_at(self, first_seq: int) -> None:
        """Accept a gap before this number: the oldest events may just have been deleted."""
        if self._last is not None:
            self._last = max(self._last, first_seq - 1)

    def look(self, row: LogRow) -> None:
        """Check the next event."""
        if self._last is not None and row.seq > self._last + 1:
            self.gaps.append((self._last + 1, row.seq - 1))
        self._last = row.seq
        self.ends = [*self.ends[:1], row]
        self.types[row.type] += 1
        body = row.payload
        if body is None:
            self._found.add("unreadable", _one(row.seq))
            return
        wrong = next(self._differences(row, body), None)
        if wrong:
            text = reader_language().gettext("{field} of number {number} is {value}")
            self._found.add("other", text.format(field=wrong, number=row.seq, value=repr(body.get(wrong))))
        self._look_at_fields(row)
        self._look_at_clock(row, body)
        if row.type == "events.dropped":
            match body.get("from_seq"), body.get("to_seq"):
                case int(first), int(last) if first <= last:
                    self.dropped.append((first, last))

    def _differences(self, row: LogRow, body: Mapping[str, Any]) -> Iterator[str]:
        ids = {"log": self._log_id, "seq": row.seq, "id": f"{self._log_id}/{row.seq}"}
        for name, expected in {**ids, "type": row.type, "rule": row.rule}.items():
            if body.get(name) != expected:
                yield name
        ts_ms = _ms(body.get("ts"))
        # The row's was cut off, not rounded, and from a float.
        if ts_ms is None or abs(ts_ms - row.ts_ms) > 1:
            yield "ts"

    def _look_at_fields(self, row: LogRow) -> None:
        model = EVENTS.get(row.type)
        if model is None:
            return
        try:
            model.model_validate_json(row.body)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            text = reader_language().gettext("{field} of number {number} ({type}): {problem}")
            found = text.format(field=where, number=row.seq, type=row.type, problem=first["msg"])
            self._found.add("schema", found)

    def _look_at_clock(self, row: LogRow, body: Mapping[str, Any]) -> None:
        if row.type == "agent.clock_set":
            self._synced_ms = None
        if body.get("clock") != "synced":
            return
        if self._synced_ms is not None and row.ts_ms < self._synced_ms:
            seconds = (self._synced_ms - row.ts_ms) / 1000
            text = reader_language().gettext("number {number} by {seconds} s")
            self._found.add("clock", text.format(number=row.seq, seconds=f"{seconds:.3f}"))
        self._synced_ms = row.ts_ms


def verify(config: Config) -> tuple[list[str], list[str]]:
    """Check the configured log; return lines of summary, and a sentence for each kind of problem.

    A damaged log that was set aside beside it is a problem too, until somebody has dealt with it.

    Raises:
        ConfigError: there is no log, or it is none of this agent's.
        LogError: it can't be read at all.
    """
    path, found = config.log.path, _Found()
    asides = damaged_asides(path) if path.parent.is_dir() else []
    with LogReader(path) as reader:
        head = reader.head()
        checks = _Checks(head.log_id, found)
        try:
            if wrong := reader.integrity():
                found.add("damaged", wrong)
            _look_at_all(reader, head, checks)
        except LogError as error:
            if "damaged" not in found.number:
                found.add("damaged", translated(str(error), reader_language()).rstrip("."))
    _look_at_head(head, found)
    silent = config.mqtt is None
    # Without a broker old events go without a word, as those go that a broker has taken.
    taken = head.first_seq - 1 if silent else _number(head.delivered) or 0
    begin = [(1, head.first_seq - 1)] if head.first_seq > 1 else []
    explained = sorted([*checks.dropped, (1, min(taken, head.first_seq - 1))])
    for first, last in _unexplained(begin + checks.gaps, explained):
        several = reader_language().gettext("numbers {first} to {last}")
        found.add("gap", _one(first) if first == last else several.format(first=first, last=last))
    left = [reader_language().gettext(_ASIDE).format(aside=aside) for aside in asides]
    return _summary(path, head, checks, ZoneInfo(config.device.timezone)), [*left, *found.sentences()]


def _look_at_all(reader: LogReader, head: Head, checks: _Checks) -> None:
    """Check all events up to the last one of `head`, a page at a time."""
    after = _FIRST
    while after < head.last_seq:
        now, rows = reader.page(after)
        if now.log_id != head.log_id:
            raise LogError("it was replaced by another log while it was read.")
        checks.begin_at(now.first_seq)
        for row in rows:
            if row.seq <= head.last_seq:
                checks.look(row)
        if not rows:
            return
        after = rows[-1].seq


def _look_at_head(head: Head, found: _Found) -> None:
    if len(head.log_id) != 8 or set(head.log_id) - set("0123456789abcdef"):  # noqa: PLR2004 - hex digits
        found.add("id", repr(head.log_id))
    delivered = _number(head.delivered)
    if delivered is None:
        found.add("delivered", repr(head.delivered))
    elif delivered > head.last_seq:
        text = reader_language().gettext("number {number}, but the last is {last}")
        found.add("delivered", text.format(number=delivered, last=head.last_seq))


def _unexplained(gaps: list[tuple[int, int]], reported: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Parts of the gaps that no reported range covers; both ascending, each first and last number."""
    for begin, last in gaps:
        first = begin
        for reported_first, reported_last in reported:
            if reported_last < first:
                continue
            if reported_first > last or first > last:
                break
            if reported_first > first:
                yield first, reported_first - 1
            first = reported_last + 1
        if first <= last:
            yield first, last


def _summary(path: Path, head: Head, checks: _Checks, zone: ZoneInfo) -> list[str]:
    size = size_bytes(path, "", "-wal")
    language = reader_language()
    text = language.gettext("log {log_id} in {path}, {size_kb} kB")
    lines = [text.format(log_id=head.log_id, path=path, size_kb=f"{size / 1e3:,.0f}")]
    number = checks.types.total()
    if not number:
        return [*lines, language.gettext("no events")]
    form = language.pgettext("strftime", "%Y-%m-%d %H:%M:%S")
    times = [row.local(zone).strftime(form) for row in checks.ends]
    text = (
        language.gettext("{number} events, numbers {first} to {last}, {start} to {end}")
        if len(times) > 1
        else language.gettext("{number} events, numbers {first} to {last}, {start}")
    )
    values = {"first": head.first_seq, "last": head.last_seq, "start": times[0], "end": times[-1]}
    lines.append(text.format(number=number, **values))
    lines += [f"  {number:>8} {harmless(kind)}" for kind, number in sorted(checks.types.items())]
    if checks.unknown:
        text = language.gettext("{number} of types that this version does not know")
        lines.append(text.format(number=checks.unknown))
    delivered = _number(head.delivered) or 0
    waiting = max(0, head.last_seq - max(delivered, head.first_seq - 1))
    text = language.gettext("delivered up to number {number}, {waiting} not yet")
    return [*lines, text.format(number=delivered, waiting=waiting)]


def _one(number: int) -> str:
    """An event, by its number."""
    return reader_language().gettext("number {number}").format(number=number)


def _ms(ts: object) -> int | None:
    try:
        return (datetime.fromisoformat(str(ts)) - _EPOCH) // _MS
    except (ValueError, TypeError, OverflowError):
        return None


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None  # noqa: PLR2004 - 64 bits


def _short(text: str) -> str:
    shown = "".join(letter if letter.isprintable() else " " for letter in text)
    return shown if len(shown) <= 200 else f"{shown[:199]}…"  # noqa: PLR2004 - two lines of a terminal
