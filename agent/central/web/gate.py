"""Gate in front of all paths: looks up the row of the table of rights, and who calls, and refuses others."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse

from agent.central.api.application import ROOT
from agent.central.api.problems import problem
from agent.central.web.callers import CALLER
from agent.central.web.rendering import error_page
from agent.central.web.rights import rights_of
from agent.errors import LogError

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import ASGIApp, Receive, Scope, Send

    from agent.central.web.callers import Callers, WebCaller
    from agent.central.web.looks import Looks
    from agent.central.web.rights import Right

_log = logging.getLogger(__name__)


class Gate:
    """Lets in who may; what comes behind it finds the caller in its scope."""

    def __init__(self, app: ASGIApp, callers: Callers, looks: Looks) -> None:
        """Take what is behind it.

        Args:
            app: answers.
            callers: who may come in.
            looks: writes who looks at places.
        """
        self._app, self._callers, self._looks = app, callers, looks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let in, or refuse."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            # Without an answer to it a socket is refused.
            return
        request = Request(scope, receive)
        refused = await self._refused(request)
        await (refused or self._app)(scope, receive, send)

    async def _refused(self, request: Request) -> Response | None:
        path = request.scope["path"]
        rights = rights_of(path)
        right = rights.get(request.method)
        if right is None:
            of_programs = path.startswith(f"{ROOT}/") or path == ROOT
            status = HTTPStatus.METHOD_NOT_ALLOWED if rights else HTTPStatus.NOT_FOUND
            answer = _error(request, of_programs=of_programs, status=status, detail="there is nothing here")
            if rights:
                answer.headers["Allow"] = ", ".join(sorted(rights))
            return answer
        try:
            caller = await run_in_threadpool(self._callers.of, request)
            request.scope[CALLER] = caller
            if caller is None and right.open:
                return None
            if caller is None or caller.who not in right.who:
                return _not_let_in(request, right, caller)
            if right.shows != "nothing":
                await run_in_threadpool(self._looks.note, caller, right, request.query_params)
        except LogError as error:
            _log.warning("people can't be looked up: %s", error)
            return _error(
                request, of_programs=right.of_programs, status=HTTPStatus.SERVICE_UNAVAILABLE,
                detail="callers can't be looked up just now; ask again",
            )  # fmt: skip
        return None


def _not_let_in(request: Request, right: Right, caller: WebCaller | None) -> Response:
    if caller is not None:
        return _error(
            request, of_programs=right.of_programs, status=HTTPStatus.FORBIDDEN,
            detail="this caller may not read that",
        )  # fmt: skip
    if right.of_programs:
        given = "authorization" in request.headers
        wrong = "this token is not known, or no longer good"
        return problem(
            HTTPStatus.UNAUTHORIZED,
            wrong if given else "give a token: Authorization: Bearer …, or sign in",
            {"WWW-Authenticate": "Bearer"},
        )
    back = request.scope["path"] if request.method == "GET" else "/"
    return RedirectResponse(f"/login?next={quote(back, safe='')}", HTTPStatus.SEE_OTHER)


def _error(request: Request, *, of_programs: bool, status: HTTPStatus, detail: str) -> Response:
    return problem(status, detail) if of_programs else error_page(request, status)
