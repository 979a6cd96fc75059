"""The schemas in others' programs: ajv in its strict mode, classes by Modelina, and their compilers.

Needs node and what npm brings, 200 MB, so only with PRESENCE_TEST_NODE in the environment; about two minutes.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from agent.wire.asyncapi import documents
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Sequence

NODE = Path(__file__).with_name("node")


def ran(words: Sequence[str | Path], folder: Path) -> str:
    """What a program prints; that it ends well."""
    done = subprocess.run(
        words, capture_output=True, text=True, check=False, cwd=folder, timeout=10 * PATIENCE_S
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the programs and, in `schemas`, what `presence-agent schema --out` writes."""
    if not os.environ.get("PRESENCE_TEST_NODE"):
        pytest.skip("set PRESENCE_TEST_NODE=1 for the tests with ajv and Modelina; tests/run.sh --node does")
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    folder = tmp_path_factory.mktemp("node")
    for path in NODE.iterdir():
        shutil.copy(path, folder)
    ran(["npm", "install", "--ignore-scripts", "--no-package-lock", "--no-audit", "--no-fund"], folder)
    ran(["presence-agent", "schema", "--out", folder / "schemas"], folder)
    return folder


@pytest.fixture(scope="module")
def generated(node: Path) -> dict[str, Any]:
    """Names of the classes by language; their files are in `classes`."""
    names: dict[str, Any] = json.loads(
        ran(["node", "generate.mjs", "schemas/asyncapi.json", "classes"], node)
    )
    return names


def test_ajv_compiles_each_schema_in_its_strict_mode(node: Path) -> None:
    done = json.loads(ran(["node", "strict.mjs", "schemas"], node))
    assert done == dict.fromkeys(documents().keys() - {"asyncapi"})


@pytest.mark.parametrize("language", ["typescript", "java", "csharp"])
def test_generated_classes_have_names_and_files_of_their_own(
    node: Path, generated: dict[str, Any], language: str
) -> None:
    names = generated[language]
    assert [name for name in names if "Anonymous" in name or "Reserved" in name] == []
    assert len({name.lower() for name in names}) == len(names)
    files = [path for path in (node / "classes" / language).rglob("*.*") if path.is_file()]
    assert len(files) == len(names)


def test_generated_typescript_compiles(node: Path, generated: dict[str, Any]) -> None:
    assert generated["typescript"]
    for folder in ("typescript", "typescript-whole"):
        options = {
            "strict": True,
            "noEmit": True,
            "target": "es2020",
            "moduleResolution": "node",
            "types": [],
        }
        project = node / f"{folder}.json"
        project.write_text(json.dumps({"compilerOptions": options, "include": [f"classes/{folder}"]}))
        ran(["npx", "--no-install", "tsc", "-p", project], node)


def test_generated_java_compiles(node: Path, generated: dict[str, Any]) -> None:
    if shutil.which("javac") is None:
        pytest.skip("javac is not installed")
    assert generated["java"]
    files = sorted((node / "classes" / "java").rglob("*.java"))
    ran(["javac", "-Xlint:none", "-d", node / "compiled", *files], node)
