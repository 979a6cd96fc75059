"""JSON Schemas as others get them: open to unknown fields, in keywords that every reader knows, all named."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from pydantic.json_schema import GenerateJsonSchema

from agent.wire.base import CONTRACT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import TypeAdapter

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_UNIONS: Final = ("anyOf", "oneOf")


class _Plain(GenerateJsonSchema):
    """Without the titles that repeat a field's name: generators take a title for the name of a type."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ANN401, ARG002 - any part of pydantic's
        return False


def published_schema(name: str, adapter: TypeAdapter[Any]) -> dict[str, Any]:
    """A payload's JSON Schema (2020-12).

    Subscribers must ignore fields they do not know, so it allows more than the agent sends. Every object,
    enum and union has a title, and what has the same title is the same: programs that write classes call
    them so.
    """
    schema = adapter.json_schema(mode="serialization", schema_generator=_Plain)
    for part in [schema, *schema.get("$defs", {}).values()]:
        _open_up(part)
        for field, of_field in part.get("properties", {}).items():
            _describe(of_field)
            _give_titles(part["title"] + _camel(field), of_field)
    return {"$schema": _DIALECT, "$id": f"urn:{CONTRACT.replace('/', ':')}:{name}"} | schema


def _open_up(schema: dict[str, Any]) -> None:
    """Allow unknown fields; say that an optional field is absent, never null; require the others."""
    if "properties" not in schema:
        return
    schema.pop("additionalProperties", None)
    optional = set()
    # A state has them all, null where it is not valid: some may only be absent in that of an older agent.
    is_state = "valid" in schema["properties"]
    for name, of_field in schema["properties"].items():
        if "default" in of_field and of_field["default"] is None:
            optional.add(name)
            del of_field["default"]
            if is_state:
                continue
            (kind,) = (kind for kind in of_field.pop("anyOf") if kind != {"type": "null"})
            of_field.update({**kind, **of_field})
    schema["required"] = [name for name in schema["properties"] if name not in optional]


def _describe(of_field: dict[str, Any]) -> None:
    """Let a field that may be null say what it is, not only its other alternative; and a constant as well."""
    described = [kind for kind in of_field.get("anyOf", ()) if "description" in kind]
    if len(described) == 1 and "description" not in of_field:
        of_field["description"] = described[0].pop("description")
    if "const" in of_field:
        of_field.setdefault("description", f"Always {json.dumps(of_field['const'])}.")


def _give_titles(name: str, schema: dict[str, Any]) -> None:
    """Call enums and unions without a title by their model and field."""
    # OpenAPI's word, which a strict reader of JSON Schema refuses; each alternative has a constant instead.
    schema.pop("discriminator", None)
    if "enum" in schema or any(union in schema for union in _UNIONS):
        schema.setdefault("title", name)
    for suffix, part in _inside(schema):
        _give_titles(name + suffix, part)


def _inside(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for union in _UNIONS:
        kinds = [kind for kind in schema.get(union, ()) if kind != {"type": "null"}]
        for number, kind in enumerate(kinds, 1):
            yield "Known" if len(kinds) == 1 else f"Kind{number}", kind
    for keyword in ("items", "additionalProperties"):
        if isinstance(schema.get(keyword), dict):
            yield "Item", schema[keyword]


def _camel(field: str) -> str:
    return "".join(word[:1].upper() + word[1:] for word in field.split("_"))
