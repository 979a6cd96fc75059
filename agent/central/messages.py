"""Parser of received messages, each read as if it came from an enemy: anybody may publish anything.

The result is one of the values here, whole and within bounds, or `RefusedMessage` with the reason in a word.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from agent.core.identifiers import is_too_long

if TYPE_CHECKING:
    from agent.mqtt.connection import Message

# The same word as agent.wire.events's, which would bring numpy and pydantic with it.
ROOT: Final = "presence/v1"
HIGHEST_SEQ: Final = 2**53
# Events are at most 1 kB, and so is health, info 48 kB; a later version may be longer.
_LONGEST = 8192
_LONGEST_INFO = 65_536
# Fields that differ in each `info` of an agent.
_OF_CONNECTION = ("log", "session", "ts")
_NAME = re.compile(r"[a-z0-9-]{1,32}", re.ASCII)
_HEX8 = re.compile(r"[0-9a-f]{8}", re.ASCII)
_TYPE = re.compile(r"[a-z0-9_-]{1,32}(\.[a-z0-9_-]{1,32}){0,3}", re.ASCII)
_TS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)
# NUL, and halves of characters, that may be whole ones together.
_SUSPECT = re.compile(r"\\u(0000|d[89a-f])", re.ASCII | re.IGNORECASE)
_ROOT_LEVELS = 2
_MOST_EARLIER = 100
_LEVELS_OF_RULE = 2


@dataclass(frozen=True, slots=True)
class EventMessage:
    """An event.

    Attributes:
        agent: site/name, as in the topic and in the event.
        replay: the request that it answers; None: it came by itself.
        dropped: for `events.dropped`, the first and the last number that never come.
    """

    agent: str
    log: str
    seq: int
    type: str
    rule: str
    ts: str
    late: bool
    body: str
    replay: str | None
    dropped: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class StatusMessage:
    """Whether an agent is online; seqs are 0 where they are absent, `state` is retired if it is cleared."""

    agent: str
    state: str
    why: str | None
    log: str
    session: str
    first_seq: int
    last_seq: int
    ts: str | None
    live: bool


@dataclass(frozen=True, slots=True)
class HealthMessage:
    """How an agent is; `earlier` logs it still serves; whether it `knows_time`."""

    agent: str
    log: str
    session: str
    first_seq: int
    last_seq: int
    ts: str
    body: str
    live: bool
    earlier: tuple[str, ...] = ()
    knows_time: bool = False


@dataclass(frozen=True, slots=True)
class InfoMessage:
    """What an agent is made of and set to; an empty body: it is cleared.

    Attributes:
        digest: of all but log, session and ts: the same over connections while nothing else changes.
    """

    agent: str
    ts: str
    digest: str
    body: str


@dataclass(frozen=True, slots=True)
class StateMessage:
    """What holds for a rule; an empty body: the rule is gone."""

    agent: str
    rule: str
    kind: str
    valid: bool
    log: str
    session: str
    ts: str
    body: str


@dataclass(frozen=True, slots=True)
class ReplayDoneMessage:
    """A replay is over; so many events were sent.

    Attributes:
        later: it was refused for a reason that does not last: the events may be there all the same.
    """

    agent: str
    request: str
    sent: int
    last_seq: int
    later: bool = False


@dataclass(frozen=True, slots=True)
class RefusedMessage:
    """What is none of these; `replay` is the request, if it came as an answer to one."""

    agent: str
    why: str
    replay: str | None = None


Parsed = (
    EventMessage
    | StatusMessage
    | HealthMessage
    | InfoMessage
    | StateMessage
    | ReplayDoneMessage
    | RefusedMessage
)


class _WrongError(Exception):
    """In a few words, without what was sent."""


def parse(message: Message) -> Parsed:
    """Parse what an agent, or somebody else, has published."""
    levels = message.topic.split("/")
    match levels:
        case [_, _, site, name, *rest] if rest and "/".join(levels[:_ROOT_LEVELS]) == ROOT:
            pass
        case _:
            return RefusedMessage("", "topic")
    if not _NAME.fullmatch(site) or not _NAME.fullmatch(name) or is_too_long(site, name):
        return RefusedMessage("", "topic")
    agent = f"{site}/{name}"
    try:
        return _read(agent, rest, message)
    except _WrongError as error:
        replay = rest[1] if rest[0] == "replay" and len(rest) > 1 else None
        return RefusedMessage(agent, str(error), replay)


def _read(agent: str, levels: list[str], message: Message) -> Parsed:
    match levels:
        case ["event", rule, *kind] if kind:
            return _event(agent, message, rule=rule, kind=".".join(kind))
        case ["replay", request]:
            if not _NAME.fullmatch(request):
                raise _WrongError("topic")
            return _replayed(agent, request, message)
        case ["status"]:
            return _status(agent, message)
        case ["health"]:
            return _health(agent, message)
        case ["info"]:
            return _info(agent, message)
        case ["state", rule]:
            return _state(agent, rule, message)
        case _:
            raise _WrongError("topic")


def _object(message: Message, longest: int = _LONGEST) -> dict[str, Any]:
    if len(message.payload) > longest:
        raise _WrongError("too long")
    try:
        content = json.loads(message.payload, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise _WrongError("no JSON") from None
    if not isinstance(content, dict):
        raise _WrongError("no object")
    if _SUSPECT.search(message.payload) and _has_no_text(content):
        raise _WrongError("characters")
    return content


def _has_no_text(value: object) -> bool:
    """Whether it has characters that PostgreSQL takes for no JSON: each query that reads them would fail."""
    match value:
        case str():
            return any(character == "\0" or "\ud800" <= character <= "\udfff" for character in value)
        case dict():
            return any(map(_has_no_text, value)) or any(map(_has_no_text, value.values()))
        case list():
            return any(map(_has_no_text, value))
    return False


def _no_number(_text: str) -> None:
    raise ValueError("no number of JSON")


def _text(content: dict[str, Any], name: str, pattern: re.Pattern[str]) -> str:
    value = content.get(name)
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise _WrongError(name)
    return value


def _seq(content: dict[str, Any], name: str, at_least: int = 1) -> int:
    value = content.get(name)
    # True is an int too, to Python.
    if type(value) is not int or not at_least <= value <= HIGHEST_SEQ:
        raise _WrongError(name)
    return value


def _event(agent: str, message: Message, *, rule: str, kind: str) -> EventMessage:
    happened = _any_event(agent, _object(message), message, None)
    if (happened.rule, happened.type) != (rule, kind):
        raise _WrongError("not of its topic")
    return happened


def _any_event(agent: str, content: dict[str, Any], message: Message, replay: str | None) -> EventMessage:
    # Events are never retained: one that is was put there by somebody, and may be from any time.
    if message.retain:
        raise _WrongError("retained")
    log, seq = _text(content, "log", _HEX8), _seq(content, "seq")
    if content.get("id") != f"{log}/{seq}":
        raise _WrongError("id")
    if f"{content.get('site')}/{content.get('device')}" != agent:
        raise _WrongError("of another agent")
    type_ = _text(content, "type", _TYPE)
    dropped = None
    if type_ == "events.dropped":
        dropped = _seq(content, "from_seq"), _seq(content, "to_seq")
        if not dropped[0] <= dropped[1] < seq:
            raise _WrongError("to_seq")
    return EventMessage(
        agent,
        log,
        seq,
        type_,
        _text(content, "rule", _NAME),
        _text(content, "ts", _TS),
        content.get("late") is True,
        message.payload,
        replay,
        dropped,
    )


def _replayed(agent: str, request: str, message: Message) -> EventMessage | ReplayDoneMessage:
    content = _object(message)
    if "done" not in content:
        return _any_event(agent, content, message, request)
    if message.retain:
        raise _WrongError("retained")
    last_seq = 0 if content.get("last_seq") is None else _seq(content, "last_seq")
    # A reason of a later version may not last.
    later = content.get("refused") not in (None, "unknown_log", "range")
    return ReplayDoneMessage(agent, request, _seq(content, "sent", 0), last_seq, later)


def _status(agent: str, message: Message) -> StatusMessage:
    live = not message.retain
    if not message.payload:
        return StatusMessage(agent, "retired", None, "", "", 0, 0, None, live)
    content = _object(message)
    state, why = content.get("state"), content.get("why")
    if state not in ("online", "offline"):
        raise _WrongError("state")
    if why is not None and (not isinstance(why, str) or not _NAME.fullmatch(why)):
        raise _WrongError("why")
    first_seq, last_seq = _bounds(content)
    ts = _text(content, "ts", _TS) if "ts" in content else None
    log, session = _text(content, "log", _HEX8), _text(content, "session", _HEX8)
    return StatusMessage(agent, state, why, log, session, first_seq, last_seq, ts, live)


def _bounds(content: dict[str, Any]) -> tuple[int, int]:
    """The first and last number of the log; 0 where absent."""
    first_seq, last_seq = (
        _seq(content, name, 0) if content.get(name) is not None else 0 for name in ("first_seq", "last_seq")
    )
    # An empty log's first number is the one after its last.
    if first_seq > last_seq + 1:
        raise _WrongError("first_seq")
    return first_seq, last_seq


def _health(agent: str, message: Message) -> HealthMessage:
    content = _object(message)
    log, session = _text(content, "log", _HEX8), _text(content, "session", _HEX8)
    ts = _text(content, "ts", _TS)
    bounds, live = _bounds(content), not message.retain
    earlier, knows_time = _earlier(content), content.get("clock") == "synced"
    return HealthMessage(agent, log, session, *bounds, ts, message.payload, live, earlier, knows_time)


def _earlier(content: dict[str, Any]) -> tuple[str, ...]:
    """Logs of before that can be asked for; an older agent names none."""
    logs = content.get("earlier_logs") or []
    if not isinstance(logs, list) or len(logs) > _MOST_EARLIER:
        raise _WrongError("earlier_logs")
    if not all(isinstance(one, dict) for one in logs):
        raise _WrongError("earlier_logs")
    return tuple(_text(one, "log", _HEX8) for one in logs)


def _info(agent: str, message: Message) -> InfoMessage:
    if not message.payload:
        return InfoMessage(agent, "", "", "")
    content = _object(message, _LONGEST_INFO)
    if f"{content.get('site')}/{content.get('device')}" != agent:
        raise _WrongError("of another agent")
    ts = _text(content, "ts", _TS)
    lasting = {name: value for name, value in content.items() if name not in _OF_CONNECTION}
    text = json.dumps(lasting, sort_keys=True)
    return InfoMessage(agent, ts, hashlib.sha256(text.encode()).hexdigest()[:16], message.payload)


def _state(agent: str, rule: str, message: Message) -> StateMessage:
    if not _NAME.fullmatch(rule):
        raise _WrongError("topic")
    if not message.payload:
        return StateMessage(agent, rule, "", False, "", "", "", "")
    content = _object(message)
    if content.get("rule") != rule:
        raise _WrongError("not of its topic")
    valid = content.get("valid")
    if not isinstance(valid, bool):
        raise _WrongError("valid")
    return StateMessage(
        agent,
        rule,
        _text(content, "kind", _NAME),
        valid,
        _text(content, "log", _HEX8),
        _text(content, "session", _HEX8),
        _text(content, "ts", _TS),
        message.payload,
    )
