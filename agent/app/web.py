"""The centre's web process: pages and API over HTTPS, for people, screens and programs."""

from __future__ import annotations

import ipaddress
import logging
import socket
import ssl
from contextlib import closing, contextmanager
from threading import Event, Thread
from typing import TYPE_CHECKING, Final

import uvicorn

from agent.app.people import address_of, people_of, web_of
from agent.app.receive import store_url
from agent.app.web_certificate import check_certificate
from agent.central.api.live import LiveHub
from agent.central.api.reading import ApiReading
from agent.central.web.application import make_app
from agent.central.web.callers import Callers
from agent.device.signals import stop_signals
from agent.device.systemd import Systemd
from agent.errors import ConfigError, LogError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.central.settings import CentralConfig, WebConfig

_log = logging.getLogger(__name__)

_END_S: Final = 10
_TIDY_EVERY_S: Final = 3600.0
_TOLD_EVERY: Final = 24
# Three hundred streams and those who ask besides.
_MOST_CONNECTIONS: Final = 1000


def serve(config: CentralConfig) -> None:
    """Serve until told to stop.

    Raises:
        ConfigError: there is no [web], or its certificate can't be used.
        LogError: the people database can't be opened.
    """
    web = web_of(config)
    root = check_certificate(web)
    store = ApiReading(store_url(config.store), config.building)
    with people_of(config) as people, closing(store) as reading:
        callers = Callers(people, web.session_idle_minutes * 60, web.session_hours * 3600)
        hub = LiveHub(reading)
        served = uvicorn.Config(
            make_app(reading, callers, [web.name, *_own_names(web)], root, hub),
            ssl_certfile=web.certificate_file,
            ssl_keyfile=web.key_file,
            log_config=None,
            # Addresses have query strings, and a screen's has its secret; who looked is in the access log.
            access_log=False,
            server_header=False,
            # Nobody stands before it who could say where a request comes from.
            proxy_headers=False,
            limit_concurrency=_MOST_CONNECTIONS,
            timeout_graceful_shutdown=_END_S,
        )
        # When it starts and ends is said here, and by systemd.
        logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
        served.load()
        assert served.ssl is not None  # noqa: S101 - it has a certificate
        served.ssl.minimum_version = ssl.TLSVersion.TLSv1_2
        with _listening(web) as listening, _tidying(callers, config.people.keep_access_months):
            _log.info("serving %s", address_of(web))
            Systemd().ready(f"serving {address_of(web)}")
            # It hands on the signal that ended it, of which the process would die if nobody took it.
            with stop_signals():
                _Server(served, hub).run([listening])


class _Server(uvicorn.Server):
    """Ends the streams of live changes first; waiting for them would never end."""

    def __init__(self, config: uvicorn.Config, hub: LiveHub) -> None:
        super().__init__(config)
        self._hub = hub

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._hub.close()
        await super().shutdown(sockets)


@contextmanager
def _tidying(callers: Callers, keep_months: int) -> Iterator[None]:
    """Delete what has ended, each hour; once a day the journal has where the access log ends.

    Whoever changes all rows of that log, and their hashes, can't change what the journal noted.
    """
    stop = Event()

    def tidy() -> None:
        hours = 0
        while True:
            try:
                callers.sessions.forget_ended()
                if gone := callers.log.trim(keep_months):
                    _log.info("%d rows of the log of who looked were deleted by age", gone)
                if hours % _TOLD_EVERY == 0:
                    _log.info("the log of who looked ends with %s", callers.log.head().text())
            except LogError as error:
                _log.warning("people: %s", error)
            hours += 1
            if stop.wait(_TIDY_EVERY_S):
                return

    thread = Thread(target=tidy, name="tidying")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


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
