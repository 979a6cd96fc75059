"""What type checkers read of the events' wire models, which are made when the program runs.

`python -m tests.wire.event_stub` writes it down; a test holds that it is so.
"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from pydantic_core import PydanticUndefined

from agent.wire import events
from agent.wire.base import ClosedWire

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic.fields import FieldInfo

PATH = Path(events.__file__).with_suffix(".pyi")
COMMAND = "python -m tests.wire.event_stub"
_HEAD = f"""\
# Types of what events.py makes of core/event.py, written by `{COMMAND}`.

from collections.abc import Mapping
from typing import Final, Literal

from pydantic import Field

from agent.wire.base import CONTRACT as CONTRACT
from agent.wire.base import ClosedWire as ClosedWire
from agent.wire.base import EventWire as EventWire
from agent.wire.base import Wire as Wire
from agent.wire.base import check_agent_name as check_agent_name

EVENTS: Final[Mapping[str, type[EventWire]]]
"""


def stub() -> str:
    """The text of the stub, by the models themselves."""
    models = [
        model
        for model in vars(events).values()
        if inspect.isclass(model) and issubclass(model, ClosedWire) and model.__module__ == events.__name__
    ]
    return "\n".join([_HEAD, *("\n".join(_class(model)) + "\n" for model in models)])


def _class(model: type[ClosedWire]) -> Iterator[str]:
    base: Any = model.__base__
    yield f"class {model.__name__}({base.__name__}):"
    inherited: dict[str, FieldInfo] = base.model_fields
    for name, field in model.model_fields.items():
        if name not in inherited or inherited[name].annotation != field.annotation:
            yield f"    {name}: {_text(field.annotation)}{_default(field)}"


def _text(annotation: Any) -> str:  # noqa: ANN401 - any annotation
    if annotation is type(None):
        return "None"
    if inspect.isclass(annotation) and get_origin(annotation) is None:
        return annotation.__name__
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return "Literal[" + ", ".join(f'"{each}"' for each in args) + "]"
    if origin is tuple:
        return f"tuple[{_text(args[0])}, ...]"
    if hasattr(annotation, "__metadata__"):
        return _text(args[0])
    return " | ".join(_text(each) for each in args)


def _default(field: FieldInfo) -> str:
    if field.alias:
        return f' = Field(alias="{field.alias}")  # noqa: PYI015 - a checker takes the name from here'
    return "" if field.default is PydanticUndefined else " = ..."


if __name__ == "__main__":
    PATH.write_text(stub())
