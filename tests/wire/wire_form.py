"""The wire form as it is written down for each version of the contract, and what of it has changed.

`python -m tests.wire.wire_form` writes down what is new, and refuses what breaks readers.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.wire.asyncapi import QOS, topics
from agent.wire.events import CONTRACT
from agent.wire.payloads import schemas

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = Path(__file__).with_name("golden")
COMMAND = "python -m tests.wire.wire_form"
# What says nothing of the form.
_WORDS = {"$schema", "$id", "$defs", "title", "description", "default", "discriminator", "examples"}
Form = dict[str, Any]


def written_path() -> Path:
    """Where the form of this version is written down."""
    return FOLDER / f"{CONTRACT.replace('/', '-')}.json"


def form() -> Form:
    """Topics and payloads as the code makes them. Discovery's payload is Home Assistant's form, not ours."""
    return {
        "topics": {
            topic.name: {
                "address": topic.address,
                "action": topic.action,
                "qos": QOS,
                "retain": topic.retain,
                "messages": list(topic.messages),
            }
            for topic in topics()
        },
        "payloads": {name: _plain(schema, schema.get("$defs", {})) for name, schema in schemas().items()},
    }


def differences(old: Form, new: Form) -> tuple[list[str], list[str]]:
    """What breaks readers of the old form, and what only adds to it."""
    found = [*_changed_topics(old["topics"], new["topics"])]
    for name in {**old["payloads"], **new["payloads"]}:
        before, now = old["payloads"].get(name), new["payloads"].get(name)
        if before is None or now is None:
            found.append((now is None, f"the payload {name} is {'gone' if now is None else 'new'}"))
        else:
            found += _changed(name, before, now)
    return sorted(said for breaks, said in found if breaks), sorted(
        said for breaks, said in found if not breaks
    )


def _changed_topics(old: Form, new: Form) -> Iterator[tuple[bool, str]]:
    for name in {**old, **new}:
        if name not in old or name not in new:
            gone = name not in new
            yield gone, f"the topic {name} is {'gone' if gone else 'new'}"
            continue
        for key in ("address", "action", "qos", "retain"):
            if old[name][key] != new[name][key]:
                yield True, f"{key} of the topic {name} was {old[name][key]!r} and is {new[name][key]!r}"
        before, now = set(old[name]["messages"]), set(new[name]["messages"])
        yield from ((True, f"the topic {name} no longer carries {message}") for message in before - now)
        yield from ((False, f"the topic {name} carries {message} too") for message in now - before)


def _changed(where: str, old: Any, new: Any) -> Iterator[tuple[bool, str]]:  # noqa: ANN401 - any part of JSON
    if old == new:
        return
    if not (isinstance(old, dict) and isinstance(new, dict)):
        yield True, f"{where} was {json.dumps(old)} and is {json.dumps(new)}"
        return
    if "properties" in old and "properties" in new:
        yield from _changed_fields(where, old, new)
        inside = {"properties", "required"}
    elif "items" in old and "items" in new and old["items"] != new["items"]:
        yield from _changed(f"{where}[]", old["items"], new["items"])
        inside = {"items"}
    elif "oneOf" in old and "oneOf" in new and (kinds := [_by_kind(part["oneOf"]) for part in (old, new)])[0]:
        yield from _changed_kinds(where, *kinds)
        inside = {"oneOf"}
    else:
        inside = set()
    rest = [{key: value for key, value in part.items() if key not in inside} for part in (old, new)]
    if rest[0] != rest[1]:
        yield True, f"{where} was {json.dumps(rest[0])} and is {json.dumps(rest[1])}"


def _by_kind(union: list[Form]) -> Form:
    """Alternatives by the constant that tells them apart; nothing where there is none."""
    kinds = [one.get("properties", {}).get("kind", {}).get("const") for one in union]
    return {} if None in kinds else dict(zip(kinds, union, strict=True))


def _changed_kinds(where: str, old: Form, new: Form) -> Iterator[tuple[bool, str]]:
    for kind in {**old, **new}:
        if kind not in old or kind not in new:
            # Whoever reads one has to know what it is.
            yield True, f"{where} {kind} is {'gone' if kind not in new else 'new'}"
        else:
            yield from _changed(f"{where} {kind}", old[kind], new[kind])


def _changed_fields(where: str, old: Form, new: Form) -> Iterator[tuple[bool, str]]:
    for field, schema in old["properties"].items():
        if field not in new["properties"]:
            yield True, f"{where}.{field} is gone"
            continue
        yield from _changed(f"{where}.{field}", schema, new["properties"][field])
        always = [field in part["required"] for part in (old, new)]
        if always == [True, False]:
            yield True, f"{where}.{field} is no longer required"
        elif always == [False, True]:
            yield True, f"{where}.{field} is required now; {_before(where)} may not have it"
    for field in new["properties"].keys() - old["properties"].keys():
        must = field in new["required"]
        why = f" but required; {_before(where)} does not have it: {_remedy(where, field)}" if must else ""
        yield must, f"{where}.{field} is new{why}"


def _before(where: str) -> str:
    """What was written or sent before a field was there, or required."""
    if _is_event(where):
        return "what is in logs already"
    return "what programs of before send" if where.startswith("cmd.") else "what agents of before publish"


def _remedy(where: str, field: str) -> str:
    """How a field is made one that may be absent, unlike those that were there from the first version on."""
    return f"let it be absent, `{field}: ... | None{'' if _is_event(where) else ' = None'}`"


def _is_event(where: str) -> bool:
    return where.startswith("event.")


def _plain(schema: Any, defs: dict[str, Any]) -> Any:  # noqa: ANN401 - any part of a JSON document
    """A schema without its words, its references put in."""
    if isinstance(schema, list):
        return [_plain(part, defs) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _plain(defs[schema["$ref"].removeprefix("#/$defs/")], defs)
    plain: Form = {}
    for key, value in schema.items():
        if key == "properties":
            # A field may have the name of a word.
            plain[key] = {name: _plain(of_field, defs) for name, of_field in value.items()}
        elif key in {"required", "enum"}:
            plain[key] = sorted(value)
        elif key not in _WORDS:
            plain[key] = _plain(value, defs)
    return plain


def main() -> int:
    """Write the form down; 1 if it breaks what is written already."""
    path, new = written_path(), form()
    if path.exists():
        breaks, adds = differences(json.loads(path.read_text()), new)
        print(*[f"breaks: {sentence}" for sentence in breaks], sep="\n", end="\n" if breaks else "")
        print(*[f"adds: {sentence}" for sentence in adds], sep="\n", end="\n" if adds else "")
        if breaks:
            print(f"{path.name} is left as it is: readers of {CONTRACT} would break. Give it a new version.")
            return 1
    path.write_text(json.dumps(new, indent=1, sort_keys=True) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
