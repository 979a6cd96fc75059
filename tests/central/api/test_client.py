"""A client generated from the API's own OpenAPI reads it."""

from __future__ import annotations

import importlib
import subprocess
import sys
from typing import TYPE_CHECKING

import httpx

from agent.central.api.application import ROOT
from tests.central.api.asking import Somebody, serving
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from pathlib import Path

    import pytest
    from sqlalchemy.engine import URL

OPERATIONS = {"sites", "places", "state", "buildings", "events", "quarters", "days", "devices", "live"}


def test_openapi_names_every_operation_and_problem(store: URL) -> None:
    with serving(store) as address:
        document = httpx.get(f"{address}{ROOT}/openapi.json").json()
    operations = {of["operationId"]: of for path in document["paths"].values() for of in path.values()}
    assert set(operations) == OPERATIONS
    assert document["servers"] == [{"url": ROOT}]
    for operation in operations.values():
        assert operation["security"]
        assert {"401", "403", "422", "503"} <= set(operation["responses"])
        assert "application/problem+json" in operation["responses"]["422"]["content"]


def test_a_generated_client_reads_all_of_it(
    store: URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(store, Somebody(frozenset({"office-001"}))) as address:
        document = tmp_path / "openapi.json"
        document.write_bytes(httpx.get(f"{address}{ROOT}/openapi.json").content)
        made = subprocess.run(
            [
                sys.executable, "-m", "openapi_python_client", "generate", "--path", document,
                "--meta", "none", "--output-path", tmp_path / "made_client", "--config", _settings(tmp_path),
            ],
            capture_output=True, text=True, timeout=PATIENCE_S, check=False, cwd=tmp_path,
        )  # fmt: skip
        assert made.returncode == 0, made.stdout + made.stderr
        assert "WARNING" not in made.stdout, made.stdout
        monkeypatch.syspath_prepend(tmp_path)
        client_class = importlib.import_module("made_client").AuthenticatedClient
        told: dict[str, object] = {}
        with client_class(base_url=f"{address}{ROOT}", token="a-token") as client:  # noqa: S106 - nobody's
            for name in sorted(OPERATIONS - {"live"}):
                module = importlib.import_module(f"made_client.api.default.{name}")
                query = {"limit": 50} if name in {"events", "quarters", "days"} else {}
                told[name] = module.sync(client=client, **query)
        for name, answer in told.items():
            raw = httpx.get(f"{address}{ROOT}/{name}", params={"limit": 50}).json()
            as_read = [one.to_dict() for one in answer] if isinstance(answer, list) else answer.to_dict()  # type: ignore[attr-defined]
            assert as_read == raw, name


def _settings(folder: Path) -> Path:
    path = folder / "client.yml"
    path.write_text("post_hooks: []\n")
    return path
