"""Certificate of the centre's web server: whether browsers would take it, tried before anything is served."""

from __future__ import annotations

import logging
import ssl
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from agent.errors import ConfigError
from agent.mqtt.certificates import SOON_DAYS, certificate_end

if TYPE_CHECKING:
    from pathlib import Path

    from agent.central.settings import WebConfig

_log = logging.getLogger(__name__)

# OpenSSL's numbers for what is wrong (x509_vfy.h).
_NOT_YET, _ENDED, _OTHER_NAMES = 9, 10, frozenset({62, 64})
_MOST_BYTES: Final = 1_000_000


def check_certificate(web: WebConfig) -> bytes | None:
    """Try whether a browser that knows the authority would take the certificate.

    Returns:
        The authority's certificate, PEM; None: there is no root_file.

    Raises:
        ConfigError: it would not, or something can't be read.
    """
    for path, name in ((web.certificate_file, "certificate_file"), (web.key_file, "key_file")):
        _read(path, name)
    root = None if web.root_file is None else _read(web.root_file, "root_file")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # A passphrase would be asked for, and nobody is there.
        server.load_cert_chain(web.certificate_file, web.key_file, password=lambda: "")
    except (ssl.SSLError, OSError, ValueError):
        raise ConfigError(
            "[web] certificate_file and key_file do not belong together, or are none; give a certificate "
            "and its key, in PEM, without a passphrase."
        ) from None
    try:
        _shake_hands(server, _browser(web), str(web.name))
    except ssl.SSLCertVerificationError as error:
        raise ConfigError(_untrusted(web, error)) from None
    ends = certificate_end(web.certificate_file)
    if ends is not None and ends - datetime.now(UTC) <= timedelta(days=SOON_DAYS):
        _log.warning("the certificate %s ends on %s", web.certificate_file, ends.date())
    return root


def _browser(web: WebConfig) -> ssl.SSLContext:
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        if web.root_file is None:
            # Whom the office's devices trust is not known here: only name and time can be looked at.
            client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
            client.load_verify_locations(web.certificate_file)
        else:
            client.load_verify_locations(web.root_file)
    except (ssl.SSLError, OSError):
        raise ConfigError(f"[web] root_file: there is no certificate in {web.root_file}.") from None
    return client


def _shake_hands(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> None:
    """Connect both in memory; SSLCertVerificationError: the client does not take the certificate."""
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = server.wrap_bio(up, down, server_side=True)
    theirs = client.wrap_bio(down, up, server_hostname=name)
    waiting = [theirs, ours]
    while waiting:
        for side in list(waiting):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            waiting.remove(side)


def _untrusted(web: WebConfig, error: ssl.SSLCertVerificationError) -> str:
    file = web.certificate_file
    if error.verify_code == _ENDED:
        return (
            f"[web] certificate_file: {file} has ended; get a new one, for example by `certificates.sh web`."
        )
    if error.verify_code == _NOT_YET:
        return f"[web] certificate_file: {file} is not good yet; is this machine's clock right?"
    if error.verify_code in _OTHER_NAMES:
        return (
            f"[web] certificate_file: {file} is not for {web.name}; get one for the name that browsers use."
        )
    return (
        f"[web] certificate_file: {file} is not signed by root_file; give the authority that signed it, "
        "and put those between into certificate_file."
    )


def _read(path: Path, name: str) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_MOST_BYTES)
    except OSError as error:
        raise ConfigError(f"[web] {name}: {path} can't be read ({error.strerror}).") from None
