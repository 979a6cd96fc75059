"""Callers of the API as tests have them, and clients that ask a real server."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount, Route

from agent.central.api.application import ROOT, make_api, metrics_response
from agent.central.api.reading import ApiReading
from tests.conftest import free_port, wait_until
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import URL
    from starlette.requests import Request
    from starlette.responses import Response


@dataclass
class Somebody:
    """A caller; `valid` can be taken away."""

    sites: frozenset[str] | None = None
    places: frozenset[str] = frozenset()
    valid: bool = True

    def is_valid(self) -> bool:
        return self.valid


@contextmanager
def serving(url: URL, somebody: Somebody | None = None) -> Iterator[str]:
    """A server of the API over this store, and its address without a path."""
    reading = ApiReading(url)
    caller = somebody or Somebody()
    api = make_api(reading, lambda _request: caller)

    def metrics(_request: Request) -> Response:
        return metrics_response(api, caller)

    app = Starlette(routes=[Mount(ROOT, api), Route("/metrics", metrics)])
    port = free_port()
    server = uvicorn.Server(
        uvicorn.Config(app, "127.0.0.1", port, log_level="warning", timeout_graceful_shutdown=1)
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_until(lambda: server.started)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(PATIENCE_S)
        reading.close()


@contextmanager
def asking(url: URL, somebody: Somebody | None = None) -> Iterator[httpx.Client]:
    """A client of the API over this store."""
    with (
        serving(url, somebody) as address,
        httpx.Client(base_url=f"{address}{ROOT}", timeout=PATIENCE_S) as client,
    ):
        yield client


def pages(client: httpx.Client, path: str, cursor: str, **query: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401
    """All items of a list, page by page."""
    while True:
        answer = client.get(path, params=query)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        yield from page["items"]
        if not page.get("more", page["next"]):
            return
        query[cursor] = page["next"]
