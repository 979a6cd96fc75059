"""Sentences on events, for people, in the reader's language."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from agent.core.registry import Registry
from agent.core.rule_state import CounterState, LineState, ZoneState
from agent.locale.language import N_, NC_, NN_, reader_language

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from gettext import NullTranslations

    from agent.core.rule_state import State

# A field of an event, and what is added to the sentence where it is not 0, and where it is.
_Addition = tuple[str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleWords:
    """Words for a kind of rule, in English, marked for the catalogues; {…} are fields of the event.

    Attributes:
        kind_id: of the kind.
        name: of the kind.
        counted: a {number} of its rules, singular and plural.
        sentences: by the type of an event; with ` unseen` behind it where nobody was seen leaving.
        additions: to the sentence of a type.
        state: the class of its states.
        holding: what a state says, in a word or two of a language.
    """

    kind_id: str
    name: str
    counted: tuple[str, str]
    sentences: Mapping[str, str]
    additions: Mapping[str, tuple[_Addition, ...]] = field(default_factory=dict)
    state: type[State]
    holding: Callable[[Any, NullTranslations], str]


_WAITING: _Addition = ("waiting", N_(", {waiting} waiting"), N_(", nobody waiting"))
_WAITED: _Addition = (
    "visits",
    N_(", {visits} waited, half up to {wait_p50_s}, nine of ten up to {wait_p90_s}, all up to {wait_max_s}"),
    N_(", nobody waited"),
)
_MODES = {
    "attended": NC_("picture", "attended"),
    "unattended": NC_("picture", "unattended"),
    "closed": NC_("picture", "closed"),
}


def _crossings(state: LineState, language: NullTranslations) -> str:
    text = language.pgettext("picture", "in {in_count} out {out_count}")
    return text.format(in_count=state.in_count, out_count=state.out_count)


def _persons(state: ZoneState, _language: NullTranslations) -> str:
    return str(state.count)


def _mode(state: CounterState, language: NullTranslations) -> str:
    return language.pgettext("picture", _MODES[state.mode])


RULE_WORDS: Final = Registry(
    lambda words: words.kind_id,
    (
        RuleWords(
            kind_id="line",
            name=NC_("kind", "line"),
            counted=NN_("{number} line", "{number} lines"),
            sentences={
                "line.crossed in": N_("somebody came in over {rule}"),
                "line.crossed out": N_("somebody went out over {rule}"),
                "line.quarter": N_("{rule} from {start} to {end}: {in} in, {out} out"),
                "line.day": N_("{rule} on {date}: {in} in, {out} out"),
            },
            additions={
                "line.day": (
                    ("first_in", N_(", first in at {first_in}"), ""),
                    ("last_out", N_(", last out at {last_out}"), ""),
                )
            },
            state=LineState,
            holding=_crossings,
        ),
        RuleWords(
            kind_id="zone",
            name=NC_("kind", "zone"),
            counted=NN_("{number} zone", "{number} zones"),
            sentences={
                "zone.entered": N_("somebody entered {rule}, now {count}"),
                "zone.left": N_("somebody left {rule} after {dwell_s}, now {count}"),
                "zone.occupied": N_("{rule} is occupied"),
                "zone.vacated": N_("{rule} is empty after {occupied_s}"),
                "zone.left unseen": N_("lost sight of somebody in {rule} after {dwell_s}"),
                "zone.overstayed": N_("somebody has stayed long in {rule}, since {since}"),
                "zone.crowded": N_("{rule} is crowded since {since}, {count} persons"),
                "zone.uncrowded": N_("{rule} is no longer crowded after {crowded_s}, at most {max} persons"),
                "zone.uncrowded unseen": N_(
                    "lost sight of {rule}, crowded for {crowded_s}, at most {max} persons"
                ),
                "zone.vacated unseen": N_("lost sight of {rule}, occupied for {occupied_s}"),
                "zone.quarter": N_(
                    "{rule} from {start} to {end}: visits {visits}, occupied for {occupied_s}, "
                    "at most {max} at once"
                ),
                "zone.day": N_(
                    "{rule} on {date}: visits {visits}, occupied for {occupied_s}, at most {max} at once"
                ),
            },
            state=ZoneState,
            holding=_persons,
        ),
        RuleWords(
            kind_id="counter",
            name=NC_("kind", "counter"),
            counted=NN_("{number} counter", "{number} counters"),
            sentences={
                "counter.attended": N_("somebody is behind {rule}"),
                "counter.unattended": N_("nobody is behind {rule}, since {since}"),
                "counter.closed": N_("{rule} is closed, working hours are over"),
                "counter.closed unseen": N_("{rule} is no longer seen"),
                "counter.quarter": N_(
                    "{rule} from {start} to {end}: attended for {attended_s}, unattended for {unattended_s}, "
                    "at longest {longest_unattended_s}"
                ),
                "counter.day": N_(
                    "{rule} on {date}: attended for {attended_s}, unattended for {unattended_s}, "
                    "at longest {longest_unattended_s}"
                ),
            },
            additions={
                "counter.attended": (_WAITING,),
                "counter.unattended": (_WAITING,),
                "counter.quarter": (_WAITED,),
                "counter.day": (_WAITED,),
            },
            state=CounterState,
            holding=_mode,
        ),
    ),
)
# {…} are fields of the event, times as `_worded` has them.
_SENTENCES = {
    "presence.after_hours": N_("somebody is at {rule} outside working hours"),
    "camera.blind covered": N_("the camera is covered"),
    "camera.blind dark": N_("it is too dark for the camera"),
    "camera.blind blurred": N_("the camera's picture is blurred"),
    "camera.blind moved": N_("the camera was moved"),
    "camera.blind frozen": N_("the camera's picture stands still"),
    "camera.blind lost": N_("the camera does not answer"),
    "camera.restored": N_("the camera sees again after {blind_s}"),
    "update.failed": N_(
        "the update to version {to_version} failed ({cause}), version {from_version} is in force"
    ),
    "agent.started": N_("the agent started"),
    "agent.started new_log": N_("the agent started with a new log"),
    "agent.started restarted": N_("the agent started again, it had not been stopped in order"),
    "agent.stopped": N_("the agent stopped ({cause})"),
    "agent.clock_set": N_("the agent's clock was set right"),
    "events.dropped disk_full": N_(
        "events {from_seq} to {to_seq} were deleted before all of them arrived: the disk is full"
    ),
    "events.dropped": N_("events {from_seq} to {to_seq} were deleted before all of them arrived ({cause})"),
    "online": N_("the agent is online"),
    "offline": N_("the agent is offline ({why})"),
    "late": N_("(late)"),
}
_UNWATCHED = N_(", nothing was watched since {since}")
_BLIND = N_(", not seen for {blind_s}")
_MORE: dict[str, tuple[_Addition, ...]] = {"agent.started": (("since", _UNWATCHED, ""),)}
_SUMMARIES = (".quarter", ".day")
_MOMENTS = ("since", "start", "end", "first_in", "last_out")
# From here on durations are in minutes, and in hours.
_IN_MINUTES_S, _IN_HOURS_S = 120, 7200
# Reasons for which a visit ended though nobody was seen leaving.
_UNSEEN = ("blind", "stopped", "restarted")
_CALLED = {
    "mask": NC_("picture", "mask"),
    "ignored": NC_("picture", "ignored"),
    "staff": NC_("picture", "staff"),
    "public": NC_("picture", "public"),
    "person": NC_("picture", "person, and how sure, 0 to 1"),
    "face": NC_("picture", "face"),
}


def holding(state: State | None) -> str:
    """State of a rule in a word or two; a question mark where it is not known."""
    for words in RULE_WORDS:
        if isinstance(state, words.state):
            return words.holding(state, reader_language())
    return "?"


def kind_name(kind_id: str) -> str:
    """Word for a kind of rule."""
    return reader_language().pgettext("kind", RULE_WORDS[kind_id].name)


def counted(kind_id: str, number: int) -> str:
    """Number of rules of a kind, as `2 lines`."""
    return reader_language().ngettext(*RULE_WORDS[kind_id].counted, number).format(number=number)


def called(thing: str) -> str:
    """Word for a thing in a picture: mask, side of a counter, person or face."""
    return reader_language().pgettext("picture", _CALLED[thing])


def sentence(payload: Mapping[str, Any], timezone: str) -> str:
    """Sentence of an event or a status; never raises, and falls back to its type.

    Args:
        payload: as published, possibly of another version.
        timezone: IANA name, for the times in it; empty: the reader's.
    """
    language = reader_language()
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
    said = _said(key)
    try:
        worded = {name: _worded(name, payload, timezone, language) for name in payload}
        parts = [said, *_further(kind, payload)] if said else []
        text = "".join(map(language.gettext, parts)).format(**worded) or kind
    except (LookupError, ValueError, TypeError, ArithmeticError, OSError):
        text = kind
    late = f" {language.gettext(_SENTENCES['late'])}" if payload.get("late") else ""
    return text + late


def harmless(line: str) -> str:
    """Replace characters that move a cursor, end a line or reverse text."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in line)


def _said(key: str) -> str | None:
    """The sentence for a type of event, in English; None: there is none."""
    words = RULE_WORDS.get(key.partition(".")[0])
    return (words.sentences if words else _SENTENCES).get(key)


def _further(kind: str, payload: Mapping[str, Any]) -> Iterator[str]:
    """Additions to the sentence of an event."""
    words = RULE_WORDS.get(kind.partition(".")[0])
    more = words.additions.get(kind, ()) if words else _MORE.get(kind, ())
    if kind.endswith(_SUMMARIES):
        more = (*more, ("blind_s", _BLIND, ""))
    for name, some, none in more:
        value = payload.get(name)
        text = some if value else none
        # The text of nothing is the catalogue's header.
        if value is not None and text:
            yield text


def _worded(name: str, payload: Mapping[str, Any], timezone: str, language: NullTranslations) -> object:
    """Value of a field for people: durations, local times and dates."""
    value = payload[name]
    if name.endswith("_s") and isinstance(value, int | float):
        return _lasting(value, language)
    if name == "date":
        return date.fromisoformat(str(value)).strftime(language.pgettext("strftime", "%Y-%m-%d"))
    if name in _MOMENTS and value is not None:
        zone = ZoneInfo(timezone) if timezone else None
        moment = datetime.fromisoformat(str(value)).astimezone(zone)
        published = datetime.fromisoformat(str(payload.get("ts", value))).astimezone(zone)
        # With the date if it was another day; times of a summary lie in its own day.
        elsewhen = name == "since" and moment.date() != published.date()
        form = NC_("strftime", "%Y-%m-%d %H:%M") if elsewhen else NC_("strftime", "%H:%M")
        return moment.strftime(language.pgettext("strftime", form))
    return value


def _lasting(seconds: float, language: NullTranslations) -> str:
    if seconds < _IN_MINUTES_S:
        return language.pgettext("duration", "{seconds} s").format(seconds=f"{seconds:.0f}")
    # Rounded down: a quarter of an hour seen for 25 s must not read as unseen for all of it.
    minutes = int(seconds // 60)
    if seconds < _IN_HOURS_S:
        return language.pgettext("duration", "{minutes} min").format(minutes=minutes)
    text = language.pgettext("duration", "{hours} h {minutes} min")
    return text.format(hours=minutes // 60, minutes=f"{minutes % 60:02}")
