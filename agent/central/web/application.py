"""Application of the centre: pages and API behind one gate, built from the table of rights."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.routing import Mount, Route

from agent.central.api.application import ROOT, make_api, metrics_response
from agent.central.web.access_page import AccessPage
from agent.central.web.callers import CALLER
from agent.central.web.gate import Gate
from agent.central.web.headers import SecurityHeaders
from agent.central.web.looks import Looks
from agent.central.web.pages import EntryPages
from agent.central.web.rendering import error_page
from agent.central.web.rights import RIGHTS
from agent.errors import LogError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fastapi import FastAPI
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp

    from agent.central.api.live import LiveHub
    from agent.central.api.reading import ApiReading
    from agent.central.web.callers import Callers, WebCaller


def make_app(
    reading: ApiReading,
    callers: Callers,
    names: Sequence[str],
    root: bytes | None,
    hub: LiveHub | None = None,
) -> ASGIApp:
    """Make the application.

    Args:
        reading: of the store.
        callers: who may come in.
        names: by which it may be called; a request for another host is refused.
        root: the authority's certificate, PEM; None: browsers know it already.
        hub: of the live changes; None: one of its own.
    """
    api = make_api(reading, _caller, hub)
    app = Starlette(
        routes=[*_routes(api, callers, root), Mount(ROOT, api)],
        exception_handlers={
            HTTPException: _of_http,
            LogError: _of_database,
            Exception: _of_anything,
        },
    )
    # No path but those of the table: one with a slash more is another.
    app.router.redirect_slashes = api.router.redirect_slashes = False
    gate = Gate(app, callers, Looks(callers.log))
    return SecurityHeaders(TrustedHostMiddleware(gate, allowed_hosts=names, www_redirect=False))


def _routes(api: FastAPI, callers: Callers, root: bytes | None) -> list[Route]:
    """A route for each row of the table that is not the API's own."""
    pages, access = EntryPages(callers, root), AccessPage(callers.log)

    def metrics(request: Request) -> Response:
        return metrics_response(api, _caller(request))

    answers: dict[tuple[str, str], Callable[[Request], Any]] = {
        ("GET", "/"): pages.start,
        ("GET", "/access"): access.show,
        ("POST", "/logout"): pages.sign_out,
        ("GET", "/login"): pages.login,
        ("POST", "/login"): pages.sign_in,
        ("GET", "/language/{language}"): pages.language,
        ("GET", "/root"): pages.root,
        ("GET", "/root.pem"): pages.root_file,
        ("GET", "/screen/{code}"): pages.screen,
        ("POST", "/screen/{code}"): pages.set_up_screen,
        ("GET", "/static/style.css"): pages.style,
        ("GET", "/metrics"): metrics,
    }
    described = api.openapi()["paths"]
    of_api = {(method.upper(), f"{ROOT}{path}") for path, of in described.items() for method in of}
    of_api.add(("GET", f"{ROOT}/openapi.json"))
    rows = {(right.method, right.path) for right in RIGHTS}
    if without := rows ^ (answers.keys() | of_api):
        raise LookupError(f"without a row in the table of rights, or without an answer: {sorted(without)}")
    return [
        Route(path, answers[method, path], methods=[method])
        for method, path in rows
        if (method, path) in answers
    ]


def _caller(request: Request) -> WebCaller:
    caller: WebCaller = request.scope[CALLER]
    return caller


async def _of_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - it is registered for these
    return error_page(request, error.status_code, error.detail)


async def _of_database(request: Request, _error: Exception) -> Response:
    return error_page(request, HTTPStatus.SERVICE_UNAVAILABLE)


async def _of_anything(request: Request, _error: Exception) -> Response:
    # It goes on to the server, which writes it to the journal.
    return error_page(request, HTTPStatus.INTERNAL_SERVER_ERROR)
