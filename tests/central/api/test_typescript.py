"""A TypeScript client, typed by the API's own OpenAPI, compiles and reads it.

Needs node and what npm brings, 40 MB, so only with PRESENCE_TEST_NODE in the environment.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from agent.central.api.application import ROOT
from tests.central.api.asking import pages, serving
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

NODE = Path(__file__).with_name("node")


def ran(folder: Path, *words: str | Path) -> str:
    """What a program prints; that it ends well."""
    done = subprocess.run(
        words, capture_output=True, text=True, check=False, cwd=folder, timeout=10 * PATIENCE_S
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the programs."""
    if not os.environ.get("PRESENCE_TEST_NODE"):
        pytest.skip(
            "set PRESENCE_TEST_NODE=1 for the tests with TypeScript's clients; tests/run.sh --node does"
        )
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    folder = tmp_path_factory.mktemp("node")
    for path in NODE.iterdir():
        shutil.copy(path, folder)
    ran(folder, "npm", "install", "--ignore-scripts", "--no-package-lock", "--no-audit", "--no-fund")
    return folder


def test_a_typed_client_reads_all_of_it(node: Path, store: URL) -> None:
    with serving(store) as address, httpx.Client(base_url=f"{address}{ROOT}", timeout=PATIENCE_S) as client:
        (node / "openapi.json").write_bytes(client.get("/openapi.json").content)
        ran(node, "npx", "--no-install", "openapi-typescript", "openapi.json", "--output", "api.d.ts")
        options = ("--strict", "--target", "es2022", "--module", "nodenext", "--lib", "es2022,dom")
        ran(node, "npx", "--no-install", "tsc", *options, "read.ts", "globals.d.ts")
        told = json.loads(ran(node, "node", "read.js", f"{address}{ROOT}"))
        for name in ("sites", "places", "devices", "quarters", "days"):
            assert told[name] == client.get(f"/{name}").json(), name
        assert told["numbers"] == [event["n"] for event in pages(client, "/events", "after")]
        states = client.get("/state").json()
    assert told["states"] == states
    assert told["persons"] == [(state["value"] or {}).get("count") for state in states]
    assert told["problem"]["status"] == 422
