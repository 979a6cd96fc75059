"""What reads from outside, each as a function of bytes: any exception that leaves one is a fault.

`python -m tests.bench.fuzz` runs them under a fuzzer that follows coverage, test_fuzz.py with some examples.
"""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing, suppress
from datetime import timedelta
from functools import cache
from threading import Event
from typing import TYPE_CHECKING, Final
from unittest.mock import patch

from agent.app import watch
from agent.app.central_calendar import CentralCalendar, calendar_wire, hours_wire
from agent.app.log_export import export, tail
from agent.app.log_verify import verify
from agent.app.working_time import working_time
from agent.central.messages import HIGHEST_SEQ, EventMessage, RefusedMessage, parse
from agent.config.examples import PLACES, example
from agent.config.load import load
from agent.config.models import digest
from agent.config.placeholders import leftovers
from agent.config.risks import absences, notices
from agent.core.frame import Instant
from agent.errors import AgentError, ConfigError
from agent.eventlog.log import EventLog
from agent.eventlog.recovery import recover
from agent.mqtt.connection import Broker, Message
from agent.mqtt.replays import Replays
from agent.wire.commands import presence, replay_request
from tests.builders import BEGIN
from tests.samples import ROOT, SENDER, longest_events, make_entered, make_started, make_stopped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from agent.config.models import Config

    Target = Callable[[bytes, Path], None]

_LONGEST_WHY = 200
_MOST_WHY = 20
_DIGITS = re.compile(r"[0-9a-f]{0,8}", re.ASCII)
_MOST_REPLAYED = 1_001
_LONGEST_CALENDAR = 100_000


def configuration(data: bytes, folder: Path) -> None:
    """A configuration file: it loads, or each problem is a sentence; as `check` does it."""
    path = folder / "agent.toml"
    path.write_bytes(data)
    try:
        loaded = load(path)
    except ConfigError as error:
        said = error.problems
    else:
        said = (*map(str, leftovers(loaded)), *notices(loaded), *absences(loaded), digest(loaded))
    assert said
    for words in said:
        assert _is_line(words), words


def command(data: bytes, folder: Path) -> None:
    """A message on `cmd/replay`: answered by what ends with `done`, or refused in a few words."""
    text = data.decode(errors="replace")
    why = ""
    try:
        replay_request(text)
    except ValueError as error:
        why = str(error) or "\n"
    if why:
        assert len(why) <= _LONGEST_WHY
        assert _is_line(why), why
        return
    replays = Replays(ROOT, {_LOG_ID: _log(folder)}.get)
    replays.ask(Message(f"{ROOT}/cmd/replay", text))
    answer = replays.next(_MOST_REPLAYED)
    assert re.fullmatch(rf"{ROOT}/replay/[a-z0-9-]{{1,32}}", answer[-1].topic)
    assert json.loads(answer[-1].payload)["done"] is True
    assert json.loads(answer[-1].payload)["sent"] == len(answer) - 1
    assert not replays.pending


def calendar(data: bytes, folder: Path) -> None:
    """A message on `cmd/calendar`: working hours, which `info` can tell, or refused in sentences."""
    try:
        central = CentralCalendar.read(data.decode(errors="replace"))
    except AgentError as error:
        for words in str(error).splitlines() or [""]:
            assert _is_line(words), words
        return
    in_force = central.over(_config(folder))
    working_time(in_force).periods(BEGIN.date())
    assert len(f"{hours_wire(in_force)}{calendar_wire(in_force)}") < _LONGEST_CALENDAR


def own_name(data: bytes, _folder: Path) -> None:
    """A `status` or `health` on the agent's own name: read, or none; it goes into the journal."""
    said = presence(data.decode(errors="replace"))
    if said is not None:
        assert _DIGITS.fullmatch(said.log), said
        assert _DIGITS.fullmatch(said.session), said


def watched(data: bytes, _folder: Path) -> None:
    """What `watch` hears: a line for the terminal, harmless to it, or nothing."""
    texts = [part.decode(errors="replace") for part in data.split(b"\n", 2)]
    topics = (f"{ROOT}/info", f"{ROOT}/event/gate/line/crossed", f"{ROOT}/event/{texts[0][:80]}")
    messages = [Message(topic, text) for topic, text in zip(topics, texts, strict=False)]
    for as_json in (False, True):
        with patch.object(watch, "received", lambda *_: iter(messages)):
            for line in watch.watched(Broker("x", 1, 5, tls=True), None, Event(), as_json=as_json):
                assert _is_line(line), line


def log_file(data: bytes, folder: Path) -> None:
    """An event log that was damaged or tampered with: read, verified, written out, opened to go on."""
    path = folder / "events.db"
    for part in folder.glob("events.db*"):
        part.unlink()
    for name, content in _edited(data, _log_files(folder)).items():
        (folder / name).write_bytes(content)
    before = {part.name: part.read_bytes() for part in folder.glob("events.db*")}
    _read(folder)
    assert before == {part.name: part.read_bytes() for part in folder.glob("events.db*")}
    with suppress(AgentError), EventLog(SENDER, path) as log:
        first_seq, last_seq = log.first_seq, log.last_seq
        assert log.append([make_entered(1)]) == last_seq + 1
        assert log.read(last_seq, 10)[-1].seq == last_seq + 1
        log.read(first_seq - 1, 1000)
        tuple(recover(log, Instant(77.0, BEGIN + timedelta(hours=5)), SENDER.boot).events)
        log.delete(last_seq)
        log.delivered = last_seq


def log_rows(data: bytes, folder: Path) -> None:
    """An event log that is whole, with anything at all for the text of its events."""
    path = folder / "events.db"
    for part in folder.glob("events.db*"):
        part.unlink()
    with EventLog(SENDER, path, log_id=_LOG_ID) as log:
        log.append([make_started(), make_entered(1), make_entered(2)])
    note, *bodies = data.split(b"\n")
    with closing(sqlite3.connect(path)) as db:
        for seq, body in enumerate(bodies[:3], 1):
            text = body.decode(errors="replace")
            db.execute("UPDATE event SET body = ? WHERE seq = ?", (text, seq))
        if note:
            text = f"3 {note.decode(errors='replace')}"
            db.execute("INSERT OR REPLACE INTO meta VALUES ('alive', ?)", (text,))
        db.commit()
    _read(folder)
    with suppress(AgentError), EventLog(SENDER, path) as log:
        tuple(recover(log, Instant(77.0, BEGIN + timedelta(hours=5)), SENDER.boot).events)
        log.delete(log.last_seq)


def _read(folder: Path) -> None:
    """As `log verify`, `tail` and `export` do."""
    config = _config(folder)
    with suppress(AgentError):
        summary, problems = verify(config)
        assert all(_is_line(line) for line in (*summary, *problems)), (summary, problems)
    for as_json in (False, True):
        with suppress(AgentError):
            for line in tail(config, Event(), 10, _told, as_json=as_json, follow=False):
                assert line.isprintable(), line
    with suppress(AgentError):
        export(config, None, None, folder / "out.jsonl")


def heard_by_central(data: bytes, _folder: Path) -> None:
    """What the central subscriber hears: a value within bounds, or why it is none, without what was sent."""
    first, _, rest = data.partition(b"\n")
    topic, text = first.decode(errors="replace"), rest.decode(errors="replace")
    for retain in (False, True):
        said = parse(Message(topic, text, retain))
        if isinstance(said, RefusedMessage):
            assert said.agent == "" or re.fullmatch(r"[a-z0-9-]{1,32}/[a-z0-9-]{1,32}", said.agent)
            assert _is_line(said.why)
            assert len(said.why) <= _MOST_WHY
        elif isinstance(said, EventMessage):
            assert 1 <= said.seq <= HIGHEST_SEQ
            assert not retain


TARGETS: Final[dict[str, Target]] = {
    "configuration": configuration,
    "command": command,
    "calendar": calendar,
    "own_name": own_name,
    "watched": watched,
    "heard_by_central": heard_by_central,
    "log_file": log_file,
    "log_rows": log_rows,
}


def seeds(name: str) -> list[bytes]:
    """What a target may begin with."""
    bodies = [json.dumps(example_of) for example_of in _payloads()]
    match name:
        case "configuration":
            return [example(place).encode() for place in PLACES]
        case "command" | "calendar":
            topic = {"command": "cmd.replay", "calendar": "cmd.calendar"}[name]
            return [
                json.dumps(payload, separators=(",", ":")).encode()
                for where, payload in _published()
                if where.endswith(topic)
            ]
        case "own_name":
            return [body.encode() for body in bodies if "session" in body]
        case "watched" | "log_rows":
            note = '{"ts":"2026-01-05T00:00:00+00:00","clock":"unsynced","boot":"0123abcd","mono_s":1.5}'
            first = bodies[0] if name == "watched" else note
            return [f"{first}\n{body}\n{body}".encode() for body in bodies if '"type"' in body]
        case "heard_by_central":
            return [f"{topic}\n{json.dumps(payload)}".encode() for topic, payload in _published()]
        case _:
            return [b"\x00\x00\x10\x00\x04abcd", b"\x01\x00\x00\x40\x02\xff\xff", b"\x02\x00\x20\x00"]


def _published() -> Iterator[tuple[str, object]]:
    from agent.wire.examples import examples  # noqa: PLC0415

    root = "presence/v1/que-phong/one-stop"
    for name, payloads in examples().items():
        for payload in payloads:
            if name.startswith("event."):
                yield f"{root}/event/{payload['rule']}/{payload['type'].replace('.', '/')}", payload
                yield f"{root}/replay/gap-7", payload
            elif name.startswith("state."):
                yield f"{root}/state/{payload['rule']}", payload
            else:
                yield f"{root}/{'replay/gap-7' if name == 'replay.done' else name}", payload


def _payloads() -> list[object]:
    from agent.wire.examples import examples  # noqa: PLC0415

    shown = examples()
    return [payload for name in ("info", "status", "health") for payload in shown[name]] + [
        payload for name, payloads in shown.items() if name.startswith("event.") for payload in payloads
    ]


_LOG_ID: Final = "5f3a9c21"
_KINDS: Final = 4
_BLOCK: Final = 5


@cache
def _log(folder: Path) -> EventLog:
    """One to be replayed from, open until the process ends."""
    log = EventLog(SENDER, None, log_id=_LOG_ID)
    log.__enter__()
    log.append([make_entered(number) for number in range(30)])
    del folder
    return log


@cache
def _log_files(folder: Path) -> dict[str, bytes]:
    """A log as it is when its agent was killed: most in the file, the newest only in its WAL."""
    path = folder / "whole" / "events.db"
    with EventLog(SENDER, path, log_id=_LOG_ID) as log:
        log.append([make_started(), *longest_events(), make_stopped()])
    with EventLog(SENDER, path) as log:
        log.append([make_started(), *(make_entered(number) for number in range(3))])
        names = ("events.db", "events.db-wal")
        return {name: path.with_name(name).read_bytes() for name in names}


@cache
def _config(folder: Path) -> Config:
    path = folder / "log.toml"
    path.write_text(
        '[device]\nsite = "test"\nname = "yard"\n[camera]\nsource = "picamera2"\n'
        f'[log]\npath = "{folder / "events.db"}"\n'
    )
    return load(path)


def _edited(data: bytes, files: dict[str, bytes]) -> dict[str, bytes]:
    """Files with bytes overwritten, or cut off, as the data says: kind, where (3 bytes), length, bytes."""
    contents = [bytearray(content) for content in files.values()]
    at = 0
    while at + _BLOCK <= len(data):
        kind, where, length = data[at] % _KINDS, int.from_bytes(data[at + 1 : at + 4]), data[at + 4]
        content = contents[kind % 2]
        where %= len(content) + 1
        if kind < 2:
            # Overwrite.
            some = data[at + _BLOCK : at + _BLOCK + length]
            content[where : where + len(some)] = some
            at += length
        else:
            del content[where:]
        at += _BLOCK
    return {name: bytes(content) for name, content in zip(files, contents, strict=True)}


def _told(words: str) -> None:
    assert _is_line(words), words


def _is_line(words: str) -> bool:
    """Whether it is one line that does nothing to a terminal."""
    return bool(words) and words.isprintable()
