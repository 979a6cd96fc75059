"""Form of events: how their fields stand on the wire, and the intervals that they begin and end."""

from __future__ import annotations

from dataclasses import fields
from functools import cache
from typing import Annotated, Any, Final, NamedTuple, Union, get_args, get_origin


class Interval(NamedTuple):
    """What one event begins and a later one of the same rule ends.

    Attributes:
        name: of it.
        lasts: whether it may be open for longer than a start reads the log back.
        of_rule: whether it is of a line, zone or counter, not of the camera.
    """

    name: str
    lasts: bool
    of_rule: bool = True


BLINDNESS: Final = Interval("blindness", lasts=True, of_rule=False)
OCCUPANCY: Final = Interval("occupancy", lasts=True)
CROWDING: Final = Interval("crowding", lasts=True)
ATTENDANCE: Final = Interval("attendance", lasts=True)
VISIT: Final = Interval("visit", lasts=False)


class OnWire(NamedTuple):
    """How a field stands on the wire.

    Attributes:
        description: its meaning and unit, for whoever reads the schema.
        word: its name there, where Python keeps that word for itself; None: the field's own name.
        title: name of an enum that several payloads share.
        least, most: bounds of a number.
        pattern, longest: of text; characters.
    """

    description: str
    word: str | None = None
    title: str | None = None
    least: float | None = None
    most: float | None = None
    pattern: str | None = None
    longest: int | None = None


class OwnField(NamedTuple):
    """A field that an event has beside its rule and moment.

    Attributes:
        name: in Python.
        word: on the wire.
        type: in Python, without None.
        is_optional: whether it may be None, which is absent on the wire.
        on_wire: None: nothing is said of it, so the wire has no place for it.
    """

    name: str
    word: str
    type: Any
    is_optional: bool
    on_wire: OnWire | None


def own_fields(kind: type[Any]) -> tuple[OwnField, ...]:
    """The fields of an event, or of what it has a tuple of, without its rule and moment; in their order."""
    return _own_fields(kind)  # type: ignore[arg-type]  # mypy: a class is hashable by its metaclass


@cache
def _own_fields(kind: type[Any]) -> tuple[OwnField, ...]:
    return tuple(_own(each.name, each.type) for each in fields(kind) if each.name not in {"rule", "at"})


def _own(name: str, type_: Any) -> OwnField:  # noqa: ANN401 - any annotation
    is_optional = get_origin(type_) is Union and type(None) in get_args(type_)
    if is_optional:
        type_ = next(part for part in get_args(type_) if part is not type(None))
    if get_origin(type_) is not Annotated:
        return OwnField(name, name, type_, is_optional, None)
    plain, *said = get_args(type_)
    on_wire = next((each for each in said if isinstance(each, OnWire)), None)
    return OwnField(name, (on_wire and on_wire.word) or name, plain, is_optional, on_wire)
