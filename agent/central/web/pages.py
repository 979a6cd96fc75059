"""Pages for people: signing in and out, the start, the language, the authority's certificate."""

from __future__ import annotations

import hashlib
import ssl
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import anyio
from starlette.responses import FileResponse, RedirectResponse, Response

from agent.central.web.callers import CALLER, SCREEN_COOKIE, SESSION_COOKIE
from agent.central.web.forms import FORM_COOKIE, drop_cookie, own_form, put_cookie
from agent.central.web.rendering import FOLDER, LANGUAGE_COOKIE, LANGUAGES, error_page, page
from agent.central.web.rights import is_page, rights_of
from agent.errors import BusyError

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.requests import Request

    from agent.central.web.callers import Callers, WebCaller

# As long as browsers keep any.
_SCREEN_S: Final = 400 * 86_400
_LANGUAGE_S: Final = 400 * 86_400
_AT_ONCE: Final = 4


class EntryPages:
    """Pages by which people and screens come in and go out."""

    def __init__(self, callers: Callers, root: bytes | None) -> None:
        """Take what they need.

        Args:
            callers: who may come in.
            root: the authority's certificate, PEM; None: browsers know it already.
        """
        self._callers, self._root = callers, root
        # Passwords take their time: whoever tries many leaves the threads of all others alone.
        self._turns = anyio.CapacityLimiter(_AT_ONCE)

    async def start(self, request: Request) -> Response:
        """The page behind signing in: who one is, and what there is to see."""
        caller: WebCaller = request.scope[CALLER]
        names = ("/access", "/root")
        seen = [name for name in names if caller.who in rights_of(name)["GET"].who]
        places = None if caller.sites is None else sorted({*caller.sites, *caller.places})
        response = page(request, "start.html", seen=seen, places=places)
        if caller.who == "screen":
            put_cookie(response, SCREEN_COOKIE, request.cookies[SCREEN_COOKIE], max_age_s=_SCREEN_S)
        return response

    async def login(self, request: Request) -> Response:
        """The form to sign in by."""
        return page(request, "login.html", next=_next(request.query_params.get("next")), said="", wait_s=0)

    async def sign_in(self, request: Request) -> Response:
        """Sign somebody in."""
        fields = await own_form(request)
        try:
            done = await anyio.to_thread.run_sync(
                self._callers.sessions.sign_in,
                fields.get("name", ""), fields.get("password", ""), _address(request),
                request.cookies.get(SESSION_COOKIE), limiter=self._turns,
            )  # fmt: skip
        except BusyError:
            return error_page(request, HTTPStatus.SERVICE_UNAVAILABLE)
        back = _next(fields.get("next"))
        if done.secret is None:
            status = HTTPStatus.TOO_MANY_REQUESTS if done.wait_s else HTTPStatus.FORBIDDEN
            response: Response = page(
                request, "login.html", status, next=back, said="wrong", wait_s=done.wait_s
            )
            if done.wait_s:
                response.headers["Retry-After"] = str(done.wait_s)
            return response
        response = RedirectResponse(back, HTTPStatus.SEE_OTHER)
        put_cookie(response, SESSION_COOKIE, done.secret)
        drop_cookie(response, FORM_COOKIE)
        return response

    async def sign_out(self, request: Request) -> Response:
        """End the session."""
        await own_form(request)
        if secret := request.cookies.get(SESSION_COOKIE):
            await anyio.to_thread.run_sync(self._callers.sessions.sign_out, secret)
        response = RedirectResponse("/login", HTTPStatus.SEE_OTHER)
        drop_cookie(response, SESSION_COOKIE)
        return response

    async def language(self, request: Request) -> Response:
        """Choose the language of the pages."""
        chosen = request.path_params["language"]
        if chosen not in LANGUAGES:
            return error_page(request, HTTPStatus.NOT_FOUND)
        response = RedirectResponse(_next(request.query_params.get("next")), HTTPStatus.SEE_OTHER)
        put_cookie(response, LANGUAGE_COOKIE, chosen, max_age_s=_LANGUAGE_S)
        return response

    async def screen(self, request: Request) -> Response:
        """The address of a screen: a button, so that no preview of a link uses it up."""
        caller: WebCaller | None = request.scope[CALLER]
        if caller is not None and caller.who == "screen":
            # It may stay the address that a screen starts with.
            return RedirectResponse("/", HTTPStatus.SEE_OTHER)
        return page(request, "screen.html", code=request.path_params["code"], said="", wait_s=0)

    async def set_up_screen(self, request: Request) -> Response:
        """Exchange the address for a cookie."""
        await own_form(request)
        code = request.path_params["code"]
        done = await anyio.to_thread.run_sync(
            self._callers.screens.exchange, code, _address(request), limiter=self._turns
        )
        if done.secret is None:
            status = HTTPStatus.TOO_MANY_REQUESTS if done.wait_s else HTTPStatus.FORBIDDEN
            return page(request, "screen.html", status, code="", said="wrong", wait_s=done.wait_s)
        response = RedirectResponse("/", HTTPStatus.SEE_OTHER)
        put_cookie(response, SCREEN_COOKIE, done.secret, max_age_s=_SCREEN_S)
        return response

    async def root(self, request: Request) -> Response:
        """How to trust the authority that signed this centre's certificate."""
        return page(request, "root.html", fingerprint=None if self._root is None else _print(self._root))

    async def root_file(self, request: Request) -> Response:
        """The authority's certificate."""
        if self._root is None:
            return error_page(request, HTTPStatus.NOT_FOUND)
        named = {"Content-Disposition": 'attachment; filename="presence-root.crt"'}
        return Response(self._root, media_type="application/x-x509-ca-cert", headers=named)

    async def style(self, _request: Request) -> Response:
        """How the pages look."""
        file: Path = FOLDER / "static" / "style.css"
        return FileResponse(file, media_type="text/css", headers={"Cache-Control": "max-age=3600"})


def _next(path: str | None) -> str:
    """Where to go on: a page of this centre, and nothing else."""
    return path if path is not None and is_page(path) else "/"


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


def _print(pem: bytes) -> str:
    """SHA-256 of a certificate as browsers and openssl show it."""
    digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem.decode("ascii"))).hexdigest().upper()
    return ":".join(digest[at : at + 2] for at in range(0, len(digest), 2))
