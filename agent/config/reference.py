"""Reference of the configuration file: its tables and keys, from the models and what they would refuse."""

from __future__ import annotations

import ast
import inspect
import json
import textwrap
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel, ValidationError

from agent.config.rule_tables import config_model

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo


@dataclass(frozen=True, slots=True)
class KeyReference:
    """A key of a table.

    Attributes:
        name: as it is written.
        text: what it is, in English, with its unit.
        right: what its value has to be, as the sentence on a wrong one says it, in English.
        default: in TOML; None: there is none.
        example: in TOML; None: none is given.
        is_required: whether the table needs it.
    """

    name: str
    text: str
    right: str
    default: str | None
    example: str | None
    is_required: bool


@dataclass(frozen=True, slots=True)
class TableReference:
    """A table of the file.

    Attributes:
        header: as it is written: [camera], or [[zone]] for one of several.
        text: what it is for, in English.
        keys: in the order of the model.
        is_required: whether the file needs it.
    """

    header: str
    text: str
    keys: tuple[KeyReference, ...]
    is_required: bool


def reference() -> tuple[TableReference, ...]:
    """All tables of the file, those of registered kinds of rules too."""
    return tuple(_table(name, field) for name, field in config_model().model_fields.items())


def _table(name: str, field: FieldInfo) -> TableReference:
    # Of several: tuple[LineConfig, ...]; of one that may be missing: MqttConfig | None.
    candidates = (field.annotation, *get_args(field.annotation))
    model = next(one for one in candidates if isinstance(one, type) and issubclass(one, BaseModel))
    header = f"[[{name}]]" if field.default == () else f"[{name}]"
    texts = _texts(model)
    return TableReference(
        header=header,
        text=_one_line(model.__doc__ or "").removeprefix(f"{header}: "),
        keys=tuple(_key(model, key, one, texts.get(key, "")) for key, one in model.model_fields.items()),
        is_required=field.is_required(),
    )


def _key(model: type[BaseModel], name: str, field: FieldInfo, text: str) -> KeyReference:
    example = field.examples[0] if field.examples else None
    # A default that depends on other keys is that beside their own defaults.
    default = None if field.is_required() else field.get_default(call_default_factory=True, validated_data={})
    return KeyReference(
        name=name,
        text=text,
        right=_right(model, name),
        default=None if default is None else _toml(default),
        example=None if example is None else _toml(example),
        is_required=field.is_required(),
    )


def _right(model: type[BaseModel], key: str) -> str:
    """What the refusal of something that can't be right says."""
    try:
        model.model_validate({key: object()})
    except ValidationError as error:
        return next(
            str(detail.get("ctx", {}).get("error", detail["msg"]))
            for detail in error.errors()
            if detail["loc"][0] == key
        )
    raise TypeError(f"{model.__name__}.{key} takes anything.")


def _texts(model: type[BaseModel]) -> dict[str, str]:
    """Docstrings of a table's keys; `run` does not pay for them, so that pydantic does not read them."""
    texts = {}
    for one in reversed(model.__mro__[: model.__mro__.index(BaseModel)]):
        (of_class,) = ast.parse(textwrap.dedent(inspect.getsource(one))).body
        body = of_class.body if isinstance(of_class, ast.ClassDef) else []
        for part, after in pairwise(body):
            match part, after:
                case (
                    ast.AnnAssign(target=ast.Name(id=key)),
                    ast.Expr(value=ast.Constant(value=str(text))),
                ):
                    texts[key] = _one_line(text)
    return texts


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _toml(value: Any) -> str:  # noqa: ANN401 - of any key
    # Numbers, texts and lists are written in TOML as in JSON.
    return json.dumps(value, ensure_ascii=False, default=str)
