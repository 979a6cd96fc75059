"""Checks of who may look and of what is served: people database, certificate, an answer over HTTPS."""

from __future__ import annotations

import os
import socket
import ssl
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from agent.app.people import address_of, people_of, people_url
from agent.app.web_certificate import check_certificate
from agent.central.people.accounts import Accounts
from agent.central.people.screens import Screens
from agent.central.people.tokens import Tokens
from agent.doctor.report import Finding
from agent.errors import ConfigError, LogError
from agent.mqtt.certificates import SOON_DAYS, certificate_end

if TYPE_CHECKING:
    from agent.central.settings import CentralConfig, WebConfig
    from agent.doctor.system import Emit

_LIMIT_S: Final = 5.0


def people_check(config: CentralConfig, emit: Emit) -> None:
    """Check that somebody may sign in.

    Args:
        config: names the database.
        emit: takes the finding.
    """
    try:
        url = people_url(config)
        path = Path(url.database or "").absolute()
        if url.get_backend_name() == "sqlite":
            if not os.access(path.parent, os.X_OK) or (path.exists() and not os.access(path, os.W_OK)):
                emit(Finding("people.no_access", {"path": path}))
                return
            if not path.exists():
                # Looking must not make it.
                emit(Finding("people.nobody"))
                return
        with people_of(config) as people:
            counts = [len(list(kept(people).all())) for kept in (Accounts, Screens, Tokens)]
    except (ConfigError, LogError) as error:
        emit(Finding("people.closed", {"problem": error}))
        return
    values = dict(zip(("count", "screens", "tokens"), counts, strict=True))
    emit(Finding("people.ok" if counts[0] else "people.nobody", values))


def pages_check(web: WebConfig | None, emit: Emit) -> None:
    """Check the certificate as browsers would, and ask for a page.

    Args:
        web: the table [web]; None: there is none.
        emit: takes the finding.
    """
    if web is None:
        emit(Finding("pages.none"))
        return
    if not os.access(web.key_file, os.R_OK) and web.key_file.exists():
        emit(Finding("pages.no_access", {"path": web.key_file}))
        return
    address = address_of(web)
    try:
        check_certificate(web)
    except ConfigError as error:
        emit(Finding("pages.certificate", {"problem": error}))
        return
    if problem := _no_answer(web):
        emit(Finding("pages.silent", {"address": address, "problem": problem}))
        return
    end = certificate_end(web.certificate_file)
    days = 0 if end is None else (end - datetime.now(UTC)).days
    emit(Finding("pages.ends_soon" if days < SOON_DAYS else "pages.ok", {"address": address, "days": days}))


def _no_answer(web: WebConfig) -> str | None:
    """Ask for the page to sign in at, on this machine; None: it came."""
    # Whether the certificate is good was looked at; here it may be one that only the office's devices know.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    host = "127.0.0.1" if str(web.host) in {"0.0.0.0", "::"} else str(web.host)  # noqa: S104 - not listened at
    request = f"GET /login HTTP/1.1\r\nHost: {web.name}:{web.port}\r\nConnection: close\r\n\r\n".encode()
    try:
        with (
            socket.create_connection((host, web.port), timeout=_LIMIT_S) as plain,
            context.wrap_socket(plain, server_hostname=str(web.name)) as wrapped,
        ):
            wrapped.sendall(request)
            first = wrapped.recv(64)
    except OSError as error:
        return error.strerror or str(error)
    if first.startswith(b"HTTP/1.1 200"):
        return None
    with suppress(UnicodeDecodeError):
        return first.split(b"\r\n")[0].decode("ascii")
    return "no HTTP"
