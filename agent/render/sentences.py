"""Sentences on events, for people, in English and Vietnamese."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from agent.core.event import CounterState, LineState, ZoneState
from agent.core.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from agent.core.event import State

_Both = tuple[str, str]
_NONE: _Both = ("", "")
# A field of an event, and what is added to the sentence where it is not 0, and where it is.
_Addition = tuple[str, _Both, _Both]
_SPANS = (
    ("quarter", "from {start} to {end}", "từ {start} đến {end}"),
    ("day", "on {date}", "ngày {date}"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleWords:
    """Words for a kind of rule, each in English and in Vietnamese; {…} are fields of the event.

    Attributes:
        kind_id: of the kind.
        name: of the kind.
        sentences: by the type of an event; with ` unseen` behind it where nobody was seen leaving.
        head, figures: before the rule's id, and the sums, in the sentences of quarters and days.
        additions: to the sentence of a type.
        state: the class of its states.
        holding: what a state says, in a word or two.
    """

    kind_id: str
    name: _Both
    sentences: Mapping[str, _Both]
    figures: _Both
    head: _Both = _NONE
    additions: Mapping[str, tuple[_Addition, ...]] = field(default_factory=dict)
    state: type[State]
    holding: Callable[[Any], _Both]

    def said(self, key: str) -> _Both | None:
        """The sentence of a type of event; None: it has none."""
        for span, *when in _SPANS:
            if key == f"{self.kind_id}.{span}":
                first, second = (
                    f"{head}{{rule}} {then}: {sums}"
                    for head, then, sums in zip(self.head, when, self.figures, strict=True)
                )
                return first, second
        return self.sentences.get(key)


_WAITING: _Addition = (
    "waiting",
    (", {waiting} waiting", ", {waiting} người đang chờ"),
    (", nobody waiting", ", không có ai chờ"),
)
_FIRST_IN = (", first in at {first_in}", ", người đầu tiên vào lúc {first_in}")
_LAST_OUT = (", last out at {last_out}", ", người cuối cùng ra lúc {last_out}")
_MODES = {
    "attended": ("attended", "có người trực"),
    "unattended": ("unattended", "không người trực"),
    "closed": ("closed", "ngoài giờ"),
}


def _crossings(state: LineState) -> _Both:
    ins, outs = state.in_count, state.out_count
    return f"in {ins} out {outs}", f"vào {ins} ra {outs}"


def _persons(state: ZoneState) -> _Both:
    return str(state.count), str(state.count)


def _mode(state: CounterState) -> _Both:
    return _MODES[state.mode]


RULE_WORDS: Final = Registry(
    lambda words: words.kind_id,
    (
        RuleWords(
            kind_id="line",
            name=("line", "vạch"),
            sentences={
                "line.crossed in": ("somebody came in over {rule}", "có người đi vào qua {rule}"),
                "line.crossed out": ("somebody went out over {rule}", "có người đi ra qua {rule}"),
            },
            figures=("{in} in, {out} out", "{in} lượt vào, {out} lượt ra"),
            additions={"line.day": (("first_in", _FIRST_IN, _NONE), ("last_out", _LAST_OUT, _NONE))},
            state=LineState,
            holding=_crossings,
        ),
        RuleWords(
            kind_id="zone",
            name=("zone", "vùng"),
            sentences={
                "zone.entered": (
                    "somebody entered {rule}, now {count}",
                    "có người vào {rule}, hiện có {count}",
                ),
                "zone.left": (
                    "somebody left {rule} after {dwell_s}, now {count}",
                    "có người rời {rule} sau {dwell_s}, hiện còn {count}",
                ),
                "zone.occupied": ("{rule} is occupied", "{rule} có người"),
                "zone.vacated": ("{rule} is empty after {occupied_s}", "{rule} trống sau {occupied_s}"),
                "zone.left unseen": (
                    "lost sight of somebody in {rule} after {dwell_s}",
                    "không còn nhìn thấy một người ở {rule} sau {dwell_s}",
                ),
                "zone.vacated unseen": (
                    "lost sight of {rule}, occupied for {occupied_s}",
                    "không còn nhìn thấy {rule}, đã có người trong {occupied_s}",
                ),
            },
            figures=(
                "visits {visits}, occupied for {occupied_s}, at most {max} at once",
                "{visits} lượt người, có người trong {occupied_s}, đông nhất {max} người",
            ),
            state=ZoneState,
            holding=_persons,
        ),
        RuleWords(
            kind_id="counter",
            name=("counter", "quầy"),
            sentences={
                "counter.attended": ("somebody is behind {rule}", "quầy {rule} đã có người trực"),
                "counter.unattended": (
                    "nobody is behind {rule}, since {since}",
                    "quầy {rule} không có người trực từ {since}",
                ),
                "counter.closed": (
                    "{rule} is closed, working hours are over",
                    "quầy {rule} đã hết giờ làm việc",
                ),
                "counter.closed unseen": ("{rule} is no longer seen", "không còn nhìn thấy quầy {rule}"),
            },
            head=("", "quầy "),
            figures=(
                "attended for {attended_s}, unattended for {unattended_s}, at longest {longest_unattended_s}",
                "có người trực {attended_s}, vắng {unattended_s}, lâu nhất {longest_unattended_s}",
            ),
            additions={"counter.attended": (_WAITING,), "counter.unattended": (_WAITING,)},
            state=CounterState,
            holding=_mode,
        ),
    ),
)
# Each sentence in English and in Vietnamese; {…} are fields of the event, times as `_worded` has them.
_SENTENCES = {
    "presence.after_hours": (
        "somebody is at {rule} outside working hours",
        "có người ở {rule} ngoài giờ làm việc",
    ),
    "camera.blind covered": ("the camera is covered", "camera bị che"),
    "camera.blind dark": ("it is too dark for the camera", "camera không quan sát được vì quá tối"),
    "camera.blind blurred": ("the camera's picture is blurred", "hình camera bị mờ"),
    "camera.blind moved": ("the camera was moved", "camera bị xê dịch"),
    "camera.blind frozen": ("the camera's picture stands still", "hình camera bị đứng"),
    "camera.blind lost": ("the camera does not answer", "mất kết nối với camera"),
    "camera.restored": ("the camera sees again after {blind_s}", "camera quan sát lại được sau {blind_s}"),
    "agent.started": ("the agent started", "phần mềm đã khởi động"),
    "agent.started new_log": (
        "the agent started with a new log",
        "phần mềm đã khởi động với nhật ký mới",
    ),
    "agent.started restarted": (
        "the agent started again, it had not been stopped in order",
        "phần mềm đã khởi động lại sau khi bị ngắt đột ngột",
    ),
    "agent.stopped": ("the agent stopped ({cause})", "phần mềm đã dừng ({cause})"),
    "agent.clock_set": ("the agent's clock was set right", "đồng hồ của thiết bị đã được chỉnh lại"),
    "events.dropped disk_full": (
        "events {from_seq} to {to_seq} were deleted before all of them arrived: the disk is full",
        "các sự kiện từ {from_seq} đến {to_seq} đã bị xóa khi chưa gửi hết: thẻ nhớ đã đầy",
    ),
    "events.dropped": (
        "events {from_seq} to {to_seq} were deleted before all of them arrived ({cause})",
        "các sự kiện từ {from_seq} đến {to_seq} đã bị xóa khi chưa gửi hết ({cause})",
    ),
    "online": ("the agent is online", "thiết bị đang hoạt động"),
    "offline": ("the agent is offline ({why})", "thiết bị ngoại tuyến ({why})"),
    "late": ("(late)", "(muộn)"),
}
_UNWATCHED = (", nothing was watched since {since}", ", không theo dõi được từ {since}")
_BLIND = (", not seen for {blind_s}", ", không quan sát được {blind_s}")
_MORE: dict[str, tuple[_Addition, ...]] = {"agent.started": (("since", _UNWATCHED, _NONE),)}
_SUMMARIES = (".quarter", ".day")
_MOMENTS = ("since", "start", "end", "first_in", "last_out")
# From here on durations are in minutes, and in hours.
_IN_MINUTES_S, _IN_HOURS_S = 120, 7200
# Reasons for which a visit ended though nobody was seen leaving.
_UNSEEN = ("blind", "stopped", "restarted")
_CALLED = {
    "line": ("line", "vạch"),
    "zone": ("zone", "vùng"),
    "counter": ("counter", "quầy"),
    "mask": ("mask", "vùng che"),
    "ignored": ("ignored", "bỏ qua"),
    "staff": ("staff", "nhân viên"),
    "public": ("public", "khách"),
    "person": ("person, and how sure, 0 to 1", "người, và độ chắc chắn từ 0 đến 1"),
    "face": ("face", "khuôn mặt"),
}


def vietnamese() -> bool:
    """Whether the reader's language is Vietnamese; English otherwise."""
    locale = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG") or ""
    return locale.startswith("vi")


def holding(state: State | None) -> str:
    """State of a rule in a word or two; a question mark where it is not known."""
    for words in RULE_WORDS:
        if isinstance(state, words.state):
            return words.holding(state)[vietnamese()]
    return "?"


def kind_name(kind_id: str) -> str:
    """Word for a kind of rule."""
    return RULE_WORDS[kind_id].name[vietnamese()]


def called(thing: str) -> str:
    """Word for a thing in a picture: rule, mask, side of a counter, person or face."""
    return _CALLED[thing][vietnamese()]


def sentence(payload: Mapping[str, Any], timezone: str) -> str:
    """Sentence of an event or a status; never raises, and falls back to its type.

    Args:
        payload: as published, possibly of another version.
        timezone: IANA name, for the times in it; empty: the reader's.
    """
    language = vietnamese()
    kind = str(payload.get("type", payload.get("state", "")))
    key, why = kind, payload.get("why")
    if kind == "line.crossed":
        key = kind = f"{kind} {payload.get('direction')}"
    elif kind == "camera.blind":
        key = kind = f"{kind} {payload.get('cause')}"
    elif (why in _UNSEEN and _said(f"{kind} unseen")) or (kind == "counter.closed" and why != "closed"):
        key = f"{kind} unseen"
    elif kind in {"agent.started", "events.dropped"} and f"{kind} {payload.get('cause')}" in _SENTENCES:
        key = f"{kind} {payload.get('cause')}"
    both = _said(key)
    try:
        worded = {name: _worded(name, payload, timezone, language) for name in payload}
        parts = [both, *_further(kind, payload)] if both else []
        text = "".join(part[language] for part in parts).format(**worded) or kind
    except (LookupError, ValueError, TypeError, ArithmeticError, OSError):
        text = kind
    late = f" {_SENTENCES['late'][language]}" if payload.get("late") else ""
    return text + late


def harmless(line: str) -> str:
    """Replace characters that move a cursor, end a line or reverse text."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in line)


def _said(key: str) -> _Both | None:
    """The sentence for a type of event, in both languages; None: there is none."""
    words = RULE_WORDS.get(key.partition(".")[0])
    return words.said(key) if words else _SENTENCES.get(key)


def _further(kind: str, payload: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Additions to the sentence of an event."""
    words = RULE_WORDS.get(kind.partition(".")[0])
    more = words.additions.get(kind, ()) if words else _MORE.get(kind, ())
    if kind.endswith(_SUMMARIES):
        more = (*more, ("blind_s", _BLIND, _NONE))
    for name, some, none in more:
        value = payload.get(name)
        if value is not None:
            yield some if value else none


def _worded(name: str, payload: Mapping[str, Any], timezone: str, language: bool) -> object:
    """Value of a field for people: durations, local times and dates."""
    value = payload[name]
    if name.endswith("_s") and isinstance(value, int | float):
        return _lasting(value, language)
    if name == "date":
        return f"{date.fromisoformat(str(value)):{'%d/%m/%Y' if language else '%Y-%m-%d'}}"
    if name in _MOMENTS and value is not None:
        zone = ZoneInfo(timezone) if timezone else None
        moment = datetime.fromisoformat(str(value)).astimezone(zone)
        published = datetime.fromisoformat(str(payload.get("ts", value))).astimezone(zone)
        # With the date if it was another day; times of a summary lie in its own day.
        elsewhen = name == "since" and moment.date() != published.date()
        return f"{moment:{('%H:%M %d/%m/%Y' if language else '%Y-%m-%d %H:%M') if elsewhen else '%H:%M'}}"
    return value


def _lasting(seconds: float, language: bool) -> str:
    hour, minute, second = ("giờ", "phút", "giây") if language else ("h", "min", "s")
    if seconds < _IN_MINUTES_S:
        return f"{seconds:.0f} {second}"
    # Rounded down: a quarter of an hour seen for 25 s must not read as unseen for all of it.
    minutes = int(seconds // 60)
    if seconds < _IN_HOURS_S:
        return f"{minutes} {minute}"
    return f"{minutes // 60} {hour} {minutes % 60:02} {minute}"
