"""The schemas as others read them: strict validators compile them, generators find names, people words."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel, TypeAdapter

from agent.wire.asyncapi import documents, topics
from agent.wire.schema_form import published_schema

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCUMENTS = documents()
ASYNCAPI = DOCUMENTS["asyncapi"]
OURS = {name: schema for name, schema in DOCUMENTS.items() if name != "asyncapi"}
# Of each payload: in its own file, and in the document's older dialect.
FORMS = [
    *(pytest.param(name, schema, id=name) for name, schema in OURS.items()),
    *(pytest.param(name, schema, id=f"{name} in AsyncAPI")
      for name, schema in ASYNCAPI["components"]["schemas"].items()),
]  # fmt: skip

# What ajv knows of draft 2020-12 without a plug-in; it refuses other words.
APPLIES_TO = {
    "object": {"properties", "required", "additionalProperties"},
    "array": {"items", "prefixItems", "minItems", "maxItems"},
    "string": {"pattern", "minLength", "maxLength", "format"},
    "number": {"minimum", "maximum"},
}
KEYWORDS = {"$schema", "$id", "$defs", "$ref", "title", "description", "default", "type", "const", "enum",
            "anyOf", "oneOf"}.union(*APPLIES_TO.values())  # fmt: skip
# Their names begin with what they are a part of.
UNITS = {
    "_ms": r"\bms\b", "_s": r"\bs\b|[Ss]econds", "_mb": r"\bMB\b", "_c": "°C", "_ratio": "[Ss]hare|part",
}  # fmt: skip


def schemas_in(schema: dict[str, Any], where: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """A schema and all in it, with the way to each."""
    yield where, schema
    for keyword in ("properties", "$defs"):
        for name, part in schema.get(keyword, {}).items():
            yield from schemas_in(part, f"{where}.{name}")
    for keyword in ("anyOf", "oneOf", "prefixItems", "items"):
        if isinstance(schema.get(keyword), list):
            for part in schema[keyword]:
                yield from schemas_in(part, f"{where}[]")
    for keyword in ("items", "additionalProperties"):
        if isinstance(schema.get(keyword), dict):
            yield from schemas_in(schema[keyword], f"{where}[]")


def complaints(schema: dict[str, Any]) -> Iterator[str]:
    """What ajv says in its strict mode, with strictTypes, strictTuples and strictRequired as errors."""
    for where, part in schemas_in(schema):
        yield from (f"{where}: unknown keyword {word}" for word in part.keys() - KEYWORDS)
        types = part.get("type", [])
        types = {types} if isinstance(types, str) else set(types)
        if len(types - {"null"}) > 1:
            yield f"{where}: union of types"
        for kind, words in APPLIES_TO.items():
            fits = {kind, "integer"} if kind == "number" else {kind}
            if part.keys() & words and not types & fits:
                yield f"{where}: {sorted(part.keys() & words)} without type {kind}"
        items = part.get("items")
        corners = part.get("prefixItems", items if isinstance(items, list) else None)
        if corners is not None and not part.get("minItems") == part.get("maxItems") == len(corners):
            yield f"{where}: a tuple of no certain length"
        missing = set(part.get("required", ())) - part.get("properties", {}).keys()
        yield from (f"{where}: {name} is required and not there" for name in missing)


@pytest.mark.parametrize(("name", "schema"), FORMS)
def test_schema_is_strict(name: str, schema: dict[str, Any]) -> None:
    assert [f"{name}{said}" for said in complaints(schema)] == []


@pytest.mark.parametrize(
    ("schema", "complaint"),
    [
        ({"oneOf": [], "discriminator": {"propertyName": "kind"}}, "unknown keyword discriminator"),
        ({"properties": {}}, "without type object"),
        ({"type": "string", "minimum": 1}, "without type number"),
        ({"type": ["string", "integer"]}, "union of types"),
        ({"type": "array", "prefixItems": [{}, {}], "minItems": 2}, "no certain length"),
        ({"type": "object", "required": ["a"], "properties": {}}, "a is required and not there"),
        ({"type": "object", "properties": {"a": {"anyOf": [{"pattern": "a"}]}}}, "without type string"),
    ],
)
def test_schema_that_is_not_strict_is_found(schema: dict[str, Any], complaint: str) -> None:
    assert any(complaint in said for said in complaints(schema))


# --- names -------------------------------------------------------------------------------------------


def is_type_of_its_own(schema: dict[str, Any]) -> bool:
    """What programs that write classes make one of."""
    kinds = schema.get("anyOf", schema.get("oneOf"))
    return "enum" in schema or "properties" in schema or kinds is not None


def bare(schema: Any) -> str:  # noqa: ANN401 - any part of a JSON document
    """A schema without its words and places, to be compared."""
    text = re.sub(r'"#/[^"]*/', '"', json.dumps(schema, sort_keys=True))
    return re.sub(r'"description": "(?:[^"\\]|\\.)*"(, )?', "", text)


def titles(schemas: dict[str, dict[str, Any]]) -> dict[str, set[str]]:
    """What stands under each title."""
    found: dict[str, set[str]] = defaultdict(set)
    for name, schema in schemas.items():
        for where, part in schemas_in(schema, name):
            if is_type_of_its_own(part):
                assert "title" in part, where
                own = {key: value for key, value in part.items() if key not in {"$schema", "$id", "$defs"}}
                found[part["title"]].add(bare(own))
    return found


@pytest.mark.parametrize("schemas", [OURS, ASYNCAPI["components"]["schemas"]], ids=["files", "AsyncAPI"])
def test_titles_are_of_one_thing_each(schemas: dict[str, dict[str, Any]]) -> None:
    found = titles(schemas)
    assert {title for title, things in found.items() if len(things) > 1} == set()
    # They are names of classes and files, also where those do not tell small letters from capitals.
    assert all(re.fullmatch(r"[A-Z][A-Za-z0-9]*", title) for title in found)
    assert len({title.lower() for title in found}) == len(found)
    # A channel that carries several payloads makes a class of its own name.
    assert {topic.name for topic in topics() if len(topic.messages) > 1} & {
        title.lower() for title in found
    } == set()


def test_title_of_a_scalar_is_left_out() -> None:
    # A generator that takes it for a type would have one called Ts.
    for name, schema in OURS.items():
        assert [
            where
            for where, part in schemas_in(schema, name)
            if "title" in part and not is_type_of_its_own(part)
        ] == []


def test_types_without_a_name_get_their_models_and_fields() -> None:
    class Sample(BaseModel):
        mood: Any = "fine"
        worth: int | str | None
        either: list[int | str]

    schema = published_schema("sample", TypeAdapter(Sample))
    assert schema["properties"]["worth"]["title"] == "SampleWorth"
    assert schema["properties"]["either"]["items"]["title"] == "SampleEitherItem"
    assert "title" not in schema["properties"]["mood"]


# --- words -------------------------------------------------------------------------------------------


@cache
def fields() -> dict[str, dict[str, Any]]:
    """Every field of every payload, in both forms."""
    every = {**OURS, **{f"AsyncAPI {name}": one for name, one in ASYNCAPI["components"]["schemas"].items()}}
    return {
        f"{name}{where}.{field}": of_field
        for name, schema in every.items()
        for where, part in schemas_in(schema)
        for field, of_field in part.get("properties", {}).items()
    }


def described(of_field: dict[str, Any]) -> str:
    """What a reader of a field is told; a reference is followed."""
    if "$ref" in of_field:
        model = of_field["$ref"].rsplit("/", 1)[1]
        return str(ASYNCAPI["components"]["schemas"][model]["description"])
    return str(of_field.get("description", ""))


def test_every_field_is_described() -> None:
    assert len(fields()) > 300
    assert [name for name, of_field in fields().items() if len(described(of_field)) < len("Rain.")] == []


def test_units_are_told() -> None:
    of_numbers = {
        name: one
        for name, one in fields().items()
        if "number" in json.dumps(one) or "integer" in json.dumps(one)
    }
    silent = []
    for name, of_field in of_numbers.items():
        unit = next((unit for suffix, unit in UNITS.items() if name.endswith(suffix)), None)
        if unit and not re.search(unit, described(of_field)):
            silent.append(name)
        if re.search(r"\.fps_\w+$", name) and "a second" not in described(of_field):
            silent.append(name)
    assert silent == []


def test_values_of_enums_are_explained() -> None:
    silent = []
    for name, of_field in fields().items():
        # Home Assistant's words are explained there.
        if name.removeprefix("AsyncAPI ").startswith(("discovery", "ComponentWire")):
            continue
        for where, part in schemas_in(of_field, name):
            words = f"{of_field.get('description', '')} {part.get('description', '')}"
            silent += [(where, value) for value in part.get("enum", ()) if f"'{value}'" not in words]
    assert silent == []
