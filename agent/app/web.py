"""The centre's web process: API v1 and metrics over HTTPS, for callers with a token."""

# No `annotations` of the future: FastAPI reads them.
import ipaddress
import logging
import socket
import ssl
from contextlib import closing
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final

import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agent.app.people import address_of, people_of, web_of
from agent.app.receive import store_url
from agent.central.api.application import ROOT, make_api, metrics_response
from agent.central.api.problems import add_problem_handlers
from agent.central.api.reading import ApiReading
from agent.central.people.tokens import TokenKept, Tokens
from agent.central.settings import CentralConfig, WebConfig
from agent.device.systemd import Systemd
from agent.errors import ConfigError

_log = logging.getLogger(__name__)

_BEARER: Final = "bearer "
# No page is served, so nothing may be loaded, framed or remembered.
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Strict-Transport-Security": "max-age=31536000",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "private, no-cache",
}
_END_S: Final = 3


@dataclass(frozen=True, slots=True)
class _TokenCaller:
    """Whoever came with a token; it is looked up again while a stream is open."""

    tokens: Tokens
    token: str
    kept: TokenKept

    @property
    def sites(self) -> frozenset[str] | None:
        return self.kept.reach.sites

    @property
    def places(self) -> frozenset[str]:
        return self.kept.reach.places

    def is_valid(self) -> bool:
        return self.tokens.find(self.token) is not None


class _Headers:
    """Security headers on every answer, those of errors too."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, with_headers)


def make_app(reading: ApiReading, tokens: Tokens, names: list[str]) -> Starlette:
    """Make the application: every path wants a token.

    Args:
        reading: of the store.
        tokens: that let in.
        names: by which it may be called; a request for another host is refused.
    """

    def caller(request: Request) -> _TokenCaller:
        given = request.headers.get("authorization", "")
        if given[: len(_BEARER)].lower() != _BEARER:
            raise _unauthorized("give a token: Authorization: Bearer …")
        token = given[len(_BEARER) :].strip()
        kept = tokens.find(token)
        if kept is None:
            raise _unauthorized("this token is not known, or no longer good")
        return _TokenCaller(tokens, token, kept)

    api = make_api(reading, caller)

    def metrics(request: Request) -> Response:
        return metrics_response(api, caller(request))

    middleware = [
        Middleware(_Headers),
        Middleware(TrustedHostMiddleware, allowed_hosts=names, www_redirect=False),
    ]
    app = Starlette(routes=[Mount(ROOT, api), Route("/metrics", metrics)], middleware=middleware)
    # Paths that are not there say so as all other errors do.
    add_problem_handlers(app)  # type: ignore[arg-type]
    return app


def _unauthorized(detail: str) -> HTTPException:
    return HTTPException(HTTPStatus.UNAUTHORIZED, detail, {"WWW-Authenticate": "Bearer"})


def serve(config: CentralConfig) -> None:
    """Serve until told to stop.

    Raises:
        ConfigError: there is no [web], or its certificate can't be used.
        LogError: store or tokens can't be opened.
    """
    web = web_of(config)
    _check_certificate(web)
    with people_of(config) as people, closing(ApiReading(store_url(config.store))) as reading:
        server = uvicorn.Server(
            uvicorn.Config(
                make_app(reading, Tokens(people), [web.name, *_own_names(web)]),
                ssl_certfile=web.certificate_file,
                ssl_keyfile=web.key_file,
                log_config=None,
                # Addresses have query strings; who asked for what is for the access log of people alone.
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=_END_S,
            )
        )
        with _listening(web) as listening:
            _log.info("serving %s%s", address_of(web), ROOT)
            Systemd().ready(f"serving {address_of(web)}")
            server.run([listening])


def _listening(web: WebConfig) -> socket.socket:
    try:
        return socket.create_server((str(web.host), web.port))
    except OSError as error:
        reason = error.strerror or error
        raise ConfigError(f"[web] port: {web.host}:{web.port} can't be listened at ({reason}).") from None


def _own_names(web: WebConfig) -> list[str]:
    """The addresses that it listens at, by which it may be called too."""
    addresses = ["localhost", "127.0.0.1", "[::1]"]
    try:
        address = ipaddress.ip_address(str(web.host))
    except ValueError:
        return [*addresses, str(web.host)]
    return addresses if address.is_unspecified else [*addresses, str(web.host)]


def _check_certificate(web: WebConfig) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    for path, name in ((web.certificate_file, "certificate_file"), (web.key_file, "key_file")):
        _readable(path, name)
    try:
        # A passphrase would be asked for, and nobody is there.
        context.load_cert_chain(web.certificate_file, web.key_file, password=lambda: "")
    except (ssl.SSLError, OSError, ValueError):
        raise ConfigError(
            "[web] certificate_file and key_file do not belong together, or are none; give a certificate "
            "and its key, in PEM, without a passphrase."
        ) from None


def _readable(path: Path, name: str) -> None:
    try:
        path.open("rb").close()
    except OSError as error:
        raise ConfigError(f"[web] {name}: {path} can't be read ({error.strerror}).") from None
