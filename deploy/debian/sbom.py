"""Bill of materials (CycloneDX 1.6, JSON) of a package: wheels, the libraries inside them, weights."""

from __future__ import annotations

import hashlib
import json
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from deploy.debian.licences import bundled, licence_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from deploy.debian.licences import Bundled
    from deploy.debian.wheels import Library

_KEPT: Final = ("type", "name", "version", "purl", "licenses", "hashes", "cpe")


def bill_of_materials(
    libraries: Iterable[Library],
    modules: Path,
    weights: Iterable[Mapping[str, str]],
    package: Mapping[str, str],
    made_s: int,
) -> str:
    """Text of the bill.

    Args:
        libraries: the wheels; one of them is the project's own.
        modules: folder that they were laid out in.
        weights: of each file its `name`, `file`, `licence` and the `sha256` of what it was made of.
        package: its `name`, `version` and `architecture`.
        made_s: when, in seconds since 1970.
    """
    components = [_of_library(library, modules) for library in libraries]
    components += [_of_weights(entry) for entry in weights]
    purl = f"pkg:deb/presence-agent@{package['version']}?arch={package['architecture']}"
    bill: dict[str, Any] = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": datetime.fromtimestamp(made_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "component": {
                "type": "application",
                "bom-ref": purl,
                "name": package["name"],
                "version": package["version"],
                "purl": purl,
                "licenses": [{"license": {"id": "Apache-2.0"}}],
            },
        },
        "components": components,
    }
    text = json.dumps(bill, sort_keys=True)
    bill["serialNumber"] = f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, text)}"
    return json.dumps(bill, indent=1, sort_keys=True) + "\n"


def _of_library(library: Library, modules: Path) -> dict[str, Any]:
    purl = f"pkg:pypi/{library.name.lower().replace('_', '-')}@{library.version}"
    component: dict[str, Any] = {
        "type": "library",
        "bom-ref": purl,
        "name": library.name,
        "version": library.version,
        "purl": purl,
        "licenses": [{"expression": licence_of(library.metadata)}],
        "hashes": [{"alg": "SHA-256", "content": library.sha256}],
        "properties": [{"name": "presence-agent:wheel", "value": library.wheel}],
    }
    inside = [_of_bundled(library, bundled(path), modules) for path in library.bundled]
    for path in library.files:
        if path.parent.name == "sboms" and path.suffix == ".json":
            inside += _told_by_wheel(library, modules / path)
    if inside:
        component["components"] = inside
    return component


def _of_bundled(library: Library, found: Bundled, modules: Path) -> dict[str, Any]:
    component: dict[str, Any] = {
        "type": "library",
        "bom-ref": f"{library.name}/{found.path}",
        "name": found.name,
        "licenses": [{"expression": found.licence}],
        "hashes": [_sha256((modules / found.path).read_bytes())],
        "properties": [{"name": "presence-agent:file", "value": str(found.path)}],
    }
    if found.version:
        component["version"] = found.version
    return component


def _told_by_wheel(library: Library, bill: Path) -> list[dict[str, Any]]:
    """Components of the bill that a wheel brings of what is linked into it (PEP 770)."""
    told = json.loads(bill.read_text("utf-8")).get("components", [])
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for component in told:
        name, version = component["name"], component.get("version", "")
        if name.replace("_", "-") == library.name.replace("_", "-"):
            continue
        kept = {key: component[key] for key in _KEPT if key in component}
        kept["bom-ref"] = f"{library.name}/{bill.name}/{name}@{version}"
        found.setdefault((name, version), kept)
    return [found[key] for key in sorted(found)]


def _of_weights(entry: Mapping[str, str]) -> dict[str, Any]:
    return {
        "type": "machine-learning-model",
        "bom-ref": f"weights/{entry['name']}",
        "name": entry["name"],
        "licenses": [{"license": {"id": entry["licence"]}}],
        "hashes": [{"alg": "SHA-256", "content": entry["sha256"]}],
        "properties": [{"name": "presence-agent:file", "value": entry["file"]}],
    }


def _sha256(content: bytes) -> dict[str, str]:
    return {"alg": "SHA-256", "content": hashlib.sha256(content).hexdigest()}
