"""Sentences on a configuration file that can't be used, one for each problem."""

from __future__ import annotations

import json
import re
import tomllib
from datetime import date, time
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel

from agent.config.types import holds_login
from agent.core.file_access import remedy, user
from agent.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

MOST_BYTES = 65_536
_SHOWN = 60
_SHOWN_DEPTH = 4
_ENTRIES = {"polygon": ("corner",), "masks": ("polygon", "corner"), "periods": ("period",), "days": ("day",)}


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file; ConfigError with one sentence where that can't be done."""
    try:
        with path.open("rb") as file:
            # Limited: a device file such as /dev/zero never ends.
            content = file.read(MOST_BYTES + 1)
        fits = len(content) <= MOST_BYTES
        text = content.decode("utf-8-sig") if fits else ""  # Windows editors put a mark at the start
    except FileNotFoundError:
        raise ConfigError(
            f"{path}: there is no such file; `presence-agent check --example gate` prints one to start with."
        ) from None
    except IsADirectoryError:
        raise ConfigError(
            f"{path} is a folder; give the file in it, such as {path / 'agent.toml'}."
        ) from None
    except PermissionError as error:
        what = remedy(path, error, place="/etc/presence-agent", name="--config", otherwise="use sudo")
        raise ConfigError(f"{path} can't be read by the user {user()}; {what}.") from error
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not UTF-8 text; save it as UTF-8 in the editor.") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(f"{shown(str(path))} can't be read: {reason}.") from None
    if not fits:
        raise ConfigError(
            f"{path} is larger than {MOST_BYTES // 1024} kB, which no configuration is; "
            "check that it is the right file."
        )
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is not valid TOML: {_syntax(error, text)}.") from None


def sentences(error: ValidationError, model: type[BaseModel], raw: Mapping[str, Any]) -> Iterator[str]:
    """Sentences on pydantic's errors, in terms of the file; yields one for each problem.

    Args:
        error: of the validation.
        model: the whole file's, or a command's.
        raw: what was validated.
    """
    for detail in error.errors(include_url=False):
        # A default computed from a faulty key is no error of its own.
        if detail["type"] != "default_factory_not_called":
            yield _sentence(detail, model, raw)


def shown(value: object, depth: int = _SHOWN_DEPTH) -> str:
    """Show a value as the file would write it, shortened, on one line and without a login."""
    match value:
        case bool():
            text = str(value).lower()
        case int() if value.bit_length() > 64:  # noqa: PLR2004 - beyond what TOML promises; slow to write out
            text = "a huge number"
        case str() if holds_login(value):
            text = f'"{value.partition("://")[0]}://…"'
        case str():
            text = json.dumps(value[: _SHOWN + 1], ensure_ascii=False)
        case date() | time():
            text = value.isoformat()
        case list() | tuple() | dict() if depth == 0 and value:
            text = "…"
        case list() | tuple():
            text = "[" + ", ".join(shown(item, depth - 1) for item in value[:_SHOWN]) + "]"
        case dict():
            text = (
                "{" + ", ".join(f"{key} = {_kept(key, item, depth - 1)}" for key, item in value.items()) + "}"
            )
        case _:
            text = str(value)
    text = "".join(character if character.isprintable() else "·" for character in text)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def headed(name: str, index: int, table: object) -> str:
    """Header of one of several tables, such as `[[zone]] 2 "waiting"`.

    Args:
        name: of the tables.
        index: of this one, from 0.
        table: its content; with an id if it has a valid one.
    """
    named = table.get("id") if isinstance(table, dict) else None
    return f"[[{name}]] {index + 1}" + (f" {shown(named)}" if isinstance(named, str) else "")


def _kept(key: object, value: object, depth: int = _SHOWN_DEPTH) -> str:
    # The password itself may be written there.
    return "…" if "pass" in str(key).lower() else shown(value, depth)


def _syntax(error: Exception, text: str) -> str:
    if isinstance(error, RecursionError):
        return "its brackets are nested too deeply"
    if not isinstance(error, tomllib.TOMLDecodeError):
        return "it has a number that is too long"
    lines = text.split("\n")
    end = f"line {len(lines)}, column {len(lines[-1]) + 1}"
    message, _, where = str(error).removesuffix(")").rpartition(" (at ")
    if re.match(r"Cannot (declare|overwrite|mutate)", message):
        message = "A key or table is there twice"
    if message == "Invalid value":
        message = "A value can't be read (text stands in quotation marks)"
    return f"{message[:1].lower()}{message[1:]}, at {where.replace('end of document', end)}"


def _sentence(detail: ErrorDetails, model: type[BaseModel], raw: Mapping[str, Any]) -> str:
    loc, kind, value = detail["loc"], detail["type"], detail["input"]
    what = _place(loc, raw)
    if kind == "extra_forbidden":
        return _unknown(detail, model, raw)
    if kind == "missing":
        fields = _model_at(loc[:-1], model).model_fields
        if len(loc) == 1:
            needed = [key for key, field in _model_at(loc, model).model_fields.items() if field.is_required()]
            return f"[{what}] is missing: add this table, with {' and '.join(needed)} in it."
        example = (fields[str(loc[-1])].examples or [""])[0]
        return f"{what} is missing: add it, for example {loc[-1]} = {shown(example)}."
    if kind == "value_error":
        right = str(detail["ctx"]["error"])
    elif isinstance(value, list) and len(loc) == 1:
        right = f"write its header as [{what}], with one pair of brackets, for there is only one"
    else:
        right = "give a table: a header in brackets, with its keys in the lines below"
    return f"{what} = {_kept(loc[-1], value)}: {right}."


def _unknown(detail: ErrorDetails, model: type[BaseModel], raw: Mapping[str, Any]) -> str:
    # The value stays unshown: it may well be a password.
    *path, key = detail["loc"]
    known = _model_at(path, model).model_fields
    what = _place(detail["loc"], raw)
    if not known:
        return f"{what} is unknown: this table has no settings in this version yet, leave the key out."
    homes = [
        _header(name, model)
        for name, field in model.model_fields.items()
        if str(key) in _keys_of(field.annotation)
    ]
    if homes and not path:
        return f"{what} is outside of every table: put it under {' or '.join(homes)}."
    names = {name: name if path else _header(name, model) for name in known}
    near = get_close_matches(str(key).lower().replace("-", "_"), known, n=1)
    match detail["input"]:
        case dict() if not path:
            what = f"[{what}]"
        case [dict(), *_] if not path:
            what = f"[[{what}]]"
    if near and not homes:
        return f"{what} is unknown: did you mean {names[near[0]]}?"
    belongs = f"it belongs under {' or '.join(homes)}; " if homes else ""
    return f"{what} is unknown here: {belongs}known here are {', '.join(names.values())}."


def _place(loc: tuple[int | str, ...], raw: Mapping[str, Any]) -> str:
    """Name a place in the file as its writer would: `[[zone]] 2 "waiting" polygon, corner 3`."""
    match loc:
        case (str(name), int(index), *keys):
            table = headed(name, index, raw[name][index])
        case (str(name), key, *more):
            table, keys = f"[{_name(name)}]", [key, *more]
        case _:
            return _name(str(loc[0]))
    text = ""
    entries: Iterator[str] = iter(())
    for key in keys:
        if isinstance(key, str):
            text, entries = f"{text}, {_name(key)}", iter(_ENTRIES.get(key, ()))
        else:
            text = f"{text}, {next(entries, 'entry')} {key + 1}"
    return f"{table} {text.removeprefix(', ')}".strip()


def _name(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]{1,60}", key) else shown(key)


def _header(name: str, model: type[BaseModel]) -> str:
    return f"[[{name}]]" if model.model_fields[name].default == () else f"[{name}]"


def _keys_of(annotation: object) -> Iterable[str]:
    model = _model(annotation)
    return model.model_fields if model else ()


def _model(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_model, get_args(annotation))), None)


def _model_at(loc: Iterable[int | str], model: type[BaseModel]) -> type[BaseModel]:
    for key in loc:
        if isinstance(key, str):
            model = _model(model.model_fields[key].annotation) or model
    return model
