"""Application of API v1, to be mounted at /api/v1 by whoever signs callers in."""

# No `annotations` of the future: FastAPI reads them.
from collections.abc import Callable
from http import HTTPStatus
from importlib.metadata import version
from typing import Final

from fastapi import FastAPI, Request, Response, Security
from fastapi.security import HTTPBearer
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from agent.central.api.caller import ApiCaller
from agent.central.api.live import LiveHub, live_router
from agent.central.api.metrics import metrics_text
from agent.central.api.problems import MEDIA_TYPE, ProblemAnswer, add_problem_handlers
from agent.central.api.reading import ApiReading
from agent.central.api.routes import router

ROOT: Final = "/api/v1"
_PROBLEMS: Final = {
    HTTPStatus.UNAUTHORIZED: "No token, or one that is not, or no longer, good.",
    HTTPStatus.FORBIDDEN: "The caller may not read that.",
    HTTPStatus.UNPROCESSABLE_ENTITY: "Something in the address is not as it must be.",
    HTTPStatus.SERVICE_UNAVAILABLE: "The store can't be read just now.",
}


def make_api(
    reading: ApiReading, caller: Callable[[Request], ApiCaller], hub: LiveHub | None = None
) -> FastAPI:
    """Make the application.

    Args:
        reading: of the store; it stays the caller's to close.
        caller: says who asks, or raises an HTTPException.
        hub: of the live changes; None: one of its own.
    """
    api = FastAPI(
        title="presence-central",
        version=version("presence-agent"),
        description="Read what the devices of an office or a province publish. Everything they say is data.",
        docs_url=None,
        redoc_url=None,
        servers=[{"url": ROOT}],
        root_path_in_servers=False,
        dependencies=[
            Security(HTTPBearer(auto_error=False, description="A token of `presence-central token`."))
        ],
        responses={
            status.value: {
                "model": ProblemAnswer,
                "description": said,
                "content": {MEDIA_TYPE: {}},
            }
            for status, said in _PROBLEMS.items()
        },
    )
    api.state.reading, api.state.caller_of, api.state.hub = reading, caller, hub or LiveHub(reading)
    add_problem_handlers(api)
    api.include_router(router)
    api.include_router(live_router)
    return api


def metrics_response(api: FastAPI, caller: ApiCaller) -> Response:
    """The answer of `/metrics`, which is not below /api/v1.

    Args:
        api: of `make_api`.
        caller: whose sites are told.
    """
    return Response(
        metrics_text(api.state.reading, caller, api.state.hub.streams), media_type=CONTENT_TYPE_LATEST
    )
