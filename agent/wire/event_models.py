"""Wire models of events and states, made from the dataclasses of `core/event.py` and what they say."""

from __future__ import annotations

import keyword
from collections.abc import Mapping
from datetime import date, datetime
from functools import cache
from types import GenericAlias
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, get_args, get_origin

from pydantic import create_model

from agent.core.event import KINDS
from agent.core.event_form import own_fields
from agent.core.frame import Instant
from agent.wire import fields
from agent.wire.base import ClosedWire, EventWire, StateWire

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from agent.core.event import Event
    from agent.core.event_form import OnWire, OwnField
    from agent.core.rule_state import State

# Where people and pickle look for the models.
_HOME: Final = "agent.wire.events"
# Types of Python that are text of this form on the wire; the others are there as they are.
_FORMS: Final[dict[Any, Any]] = {
    Instant: fields.Timestamp,
    datetime: fields.Timestamp,
    date: fields.LocalDate,
}


class EventModels(Mapping[str, type[EventWire]]):
    """The wire model of each registered type of event, by its name on the wire."""

    def __getitem__(self, name: str) -> type[EventWire]:
        kind = KINDS[name]
        return event_model(kind)  # type: ignore[arg-type]  # mypy: a class is hashable by its metaclass

    def __iter__(self) -> Iterator[str]:
        return iter(KINDS.ids)

    def __len__(self) -> int:
        return len(KINDS)


@cache
def event_model(kind: type[Event]) -> type[EventWire]:
    """Make the wire model of a class of events, as `LineCrossedWire` of `LineCrossed`.

    Raises:
        TypeError: a field of it does not say how it stands on the wire.
    """
    own: dict[str, Any] = {"type": Literal[kind.TYPE]}
    if kind.NAMES_BOOT:
        own["boot"] = fields.Boot
    own |= _definitions(kind, own_fields(kind))
    name = f"{kind.__name__}Wire"
    return create_model(name, __base__=EventWire, __doc__=_summary(kind), __module__=_HOME, **own)


def state_model(kind_id: str, state: type[State]) -> type[StateWire]:
    """The wire model of a state, as `LineStateWire` of `LineState`; each own field is null where not known.

    Args:
        kind_id: of the kind of rule.
        state: its class.

    Raises:
        TypeError: a field of it does not say how it stands on the wire.
    """
    return _state_model(kind_id, state)  # type: ignore[arg-type]  # mypy: a class is hashable by its metaclass


@cache
def _state_model(kind_id: str, state: type[State]) -> type[StateWire]:
    own: dict[str, Any] = {"kind": (Literal[kind_id], kind_id)}
    # What came with a later version is absent in states of before.
    later = {each.word for each in own_fields(state) if state.__dataclass_fields__[each.name].default is None}
    for name, form, _ in _forms(state, (each for each in own_fields(state) if each.name != "since")):
        own[name] = (form | None, None if name in later else ...)
    name = f"{state.__name__}Wire"
    return create_model(name, __base__=StateWire, __doc__=_summary(state), __module__=__name__, **own)


@cache
def part_model(kind: type) -> type[ClosedWire]:
    """The wire model of what an event has a tuple of; its name is the dataclass's, or WIRE_NAME there.

    Raises:
        TypeError: a field of it does not say how it stands on the wire.
    """
    own: dict[str, Any] = dict(_definitions(kind, own_fields(kind)))
    name = f"{getattr(kind, 'WIRE_NAME', kind.__name__)}Wire"
    return create_model(name, __base__=ClosedWire, __doc__=_summary(kind), __module__=_HOME, **own)


def _definitions(kind: type, own: Iterable[OwnField]) -> Iterator[tuple[str, Any]]:
    """Names and annotations of a model's fields, with None as the default of what may be absent."""
    for name, form, is_optional in _forms(kind, own):
        yield name, (form | None, None) if is_optional else form


def _forms(kind: type, own: Iterable[OwnField]) -> Iterator[tuple[str, Any, bool]]:
    """Names and annotations of a model's fields, and whether each may be absent."""
    for each in own:
        if each.on_wire is None:
            raise TypeError(
                f"{kind.__name__}.{each.name} does not say how it stands on the wire: its type needs OnWire, "
                "and its module must not import `annotations` of the future."
            )
        name = f"{each.word}_" if keyword.iskeyword(each.word) else each.word
        yield name, _form(each.type, each.on_wire), each.is_optional


@cache
def _form(plain: Any, on_wire: OnWire) -> Any:  # noqa: ANN401 - any annotation
    """The annotation of a field: many events share some."""
    form = _FORMS.get(plain, plain)
    if get_origin(plain) is tuple:
        form = GenericAlias(tuple, (part_model(get_args(plain)[0]), Ellipsis))
    alias = on_wire.word if keyword.iskeyword(on_wire.word or "") else None
    return Annotated[form, fields.as_field(on_wire, **({"alias": alias} if alias else {}))]


def _summary(kind: type) -> str:
    """The first paragraph of its docstring."""
    return (kind.__doc__ or "").partition("\n\n")[0]
