"""TLS to a broker: 1.2 or later, never without a certificate that is checked; each refusal as a sentence."""

from __future__ import annotations

import select
import ssl
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.core.credentials import origin
from agent.core.file_access import remedy
from agent.errors import CertificateFileError, DeliveryError

if TYPE_CHECKING:
    from pathlib import Path

# What brokers say of a client's certificate, by the end of OpenSSL's name for it.
_ALERTS = {
    "CERTIFICATE_EXPIRED": "this device's certificate has expired; put a new one into certificate_file",
    "CERTIFICATE_REVOKED": "this device's certificate was revoked; have a new one made for certificate_file",
    "UNKNOWN_CA": "it does not know who signed this device's certificate; have its authority sign one",
    "CERTIFICATE_REQUIRED": (
        "it wants a certificate on this port; set certificate_file and key_file, or another port"
    ),
    "BAD_CERTIFICATE": "it can't use this device's certificate; check certificate_file and key_file",
    "CERTIFICATE_UNKNOWN": "it can't use this device's certificate; check certificate_file and key_file",
    "UNSUPPORTED_CERTIFICATE": "this device's certificate is for another use; have one for a client made",
    "HANDSHAKE_FAILURE": "it finds no common ground; check certificate_file, key_file and its TLS version",
    "PROTOCOL_VERSION": "it speaks only versions of TLS before 1.2; have it renewed",
}
# What a broker that says nothing at this point costs at each connection.
_OBJECTION_S = 0.5
# OpenSSL's X509_V_ERR_... for the broker's certificate.
_NOT_YET, _EXPIRED, _OTHER_HOST, _OTHER_ADDRESS = 9, 10, 62, 64


@dataclass(frozen=True, slots=True)
class Lack:
    """What a certificate must have for who reads it strictly, as Python does from 3.13 on.

    Attributes:
        wanted: as it stands in a configuration of OpenSSL's.
        of_authority: whether the authority's certificate lacks it, or the broker's own.
    """

    wanted: str
    of_authority: bool = True


_SIGNS = "keyUsage=critical,keyCertSign,cRLSign"
_IS_AUTHORITY = "basicConstraints=critical,CA:TRUE"
_LACKS = {
    24: Lack(_IS_AUTHORITY),
    32: Lack(_SIGNS),
    79: Lack(_IS_AUTHORITY),
    81: Lack(_SIGNS),
    82: Lack("keyUsage=critical,digitalSignature", of_authority=False),
    85: Lack("authorityKeyIdentifier=keyid", of_authority=False),
    86: Lack("subjectKeyIdentifier=hash"),
    89: Lack(_IS_AUTHORITY),
    92: Lack(_SIGNS),
}


class TlsSocket(ssl.SSLSocket):
    """Reads the refusal of a broker, and closes itself; paho leaves both to chance."""

    def do_handshake(self, block: bool = False) -> None:
        """Agree on TLS, and wait for the broker's answer to our certificate."""
        try:
            super().do_handshake(block)
            self._read_refusal()
        except OSError:
            self.close()
            raise

    def _read_refusal(self) -> None:
        # With TLS 1.3 the handshake is over for us before the other side has looked at our certificate.
        # Were we to go on at once, its refusal would be lost when it hangs up on what we sent.
        if self.version() != "TLSv1.3":
            return
        timeout_s = self.gettimeout()
        self.settimeout(0)
        if select.select([self], [], [], _OBJECTION_S)[0]:
            # Usually a ticket for the next session, which is nothing to read.
            with suppress(ssl.SSLWantReadError):
                if self.recv(1):
                    raise ConnectionAbortedError(0, "it speaks before it is asked")
        self.settimeout(timeout_s)


def tls_refusal(error: ssl.SSLError, host: str) -> str:
    """Explain why one side refuses the other, and what to do about it."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _untrusted(error, host)
    name = str(error.reason or "").replace(" ", "_").upper()
    for alert, sentence in _ALERTS.items():
        if name.endswith(alert):
            return sentence
    words = name.replace("_", " ").lower() or "no reason given"
    return f"it does not agree on TLS ({words}); check that port is one for TLS"


def _untrusted(error: ssl.SSLCertVerificationError, host: str) -> str:
    code = error.verify_code
    if code == _EXPIRED:
        return (
            "its certificate has expired; have it renewed there, or set this device's clock if that is wrong"
        )
    if code == _NOT_YET:
        return "its certificate is not valid yet; set this device's clock, or the broker's if that is wrong"
    if code in {_OTHER_HOST, _OTHER_ADDRESS}:
        return f"its certificate is not for {host}; set host to a name that is in it, or have {host} put in"
    lack = lacking(error)
    if lack and lack.of_authority:
        return (
            f"its authority's certificate lacks {lack.wanted} ({error.verify_message}); "
            "have it made again with that, for the same key, and put it into ca_file"
        )
    if lack:
        return (
            f"its certificate lacks {lack.wanted} ({error.verify_message}); "
            "have it made again there with that"
        )
    return (
        f"its certificate is not trusted ({error.verify_message}); "
        "check that ca_file is the broker's authority, and host the broker"
    )


def lacking(error: ssl.SSLCertVerificationError) -> Lack | None:
    """What the broker's certificate or its authority's is without, if that is all that is wrong."""
    return _LACKS.get(error.verify_code)


def tls_context(ca_file: Path | None, certificate_file: Path | None, key_file: Path | None) -> ssl.SSLContext:
    """Read the files into a context that demands a valid certificate of the broker.

    Args:
        ca_file: PEM; None: the system's authorities.
        certificate_file: PEM of this device; None: none.
        key_file: of that certificate.

    Raises:
        DeliveryError: one of the files can't be used.
    """
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise DeliveryError(
            f"the ca_file {ca_file} can't be used ({_why(error)}); "
            "put the certificate of the broker's authority there"
        ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.sslsocket_class = TlsSocket
    if certificate_file and key_file:
        _load_certificate(context, certificate_file, key_file)
    return context


def check_readable(ca_file: Path | None, certificate_file: Path | None, key_file: Path | None) -> None:
    """Check that this user can read the files, before anything depends on them.

    Certificate and key need not match here: one of them may be just about to be replaced.

    Args:
        ca_file: PEM; None is not checked, as for the others.
        certificate_file: PEM of this device.
        key_file: of that certificate.

    Raises:
        CertificateFileError: one of them can't be read, a sentence each.
    """
    problems: list[str] = []
    last: OSError | None = None
    files = {"ca_file": ca_file, "certificate_file": certificate_file, "key_file": key_file}
    for field, path in files.items():
        if path is None:
            continue
        try:
            path.read_bytes()
        except OSError as error:
            last = error
            problems.append(
                f"the {field} {path} can't be read ({_why(error)}); {_remedy(field, path, error)}."
            )
    if problems:
        raise CertificateFileError(*problems) from last
    try:
        tls_context(ca_file, None, None)
    except DeliveryError as error:
        raise CertificateFileError(f"{error}.") from error


def _remedy(field: str, path: Path, error: OSError) -> str:
    name = f"{field} under [mqtt]"
    if field != "key_file" or not isinstance(error, PermissionError):
        put = f"put it there, or set {name} to where it is"
        return remedy(path, error, place="/etc/presence-agent", name=name, otherwise=put)
    # Nobody else is to read it: systemd hands the service a copy.
    place = "/etc/presence-agent/mqtt-key"
    taken = "/run/credentials/presence-agent.service/mqtt-key"
    return f"run `sudo install -m 600 {path} {place}` and set {name} to {taken}"


def _load_certificate(context: ssl.SSLContext, certificate_file: Path, key_file: Path) -> None:
    for field, path in (("certificate_file", certificate_file), ("key_file", key_file)):
        try:
            path.read_bytes()
        except OSError as error:
            raise DeliveryError(f"the {field} {path} can't be read ({_why(error)})") from error
    try:
        # A key with a passphrase must not make a service ask for it.
        context.load_cert_chain(certificate_file, key_file, password=str)
    except OSError as error:
        if getattr(error, "reason", None) == "KEY_VALUES_MISMATCH":
            problem = "do not belong together; put both of one pair there"
        else:
            problem = (
                f"can't be used ({_why(error)}); put a certificate and its key without a passphrase there"
            )
        raise DeliveryError(
            f"the certificate_file {origin(certificate_file)} and the key_file {origin(key_file)} {problem}"
        ) from error


def _why(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return str(error.reason or "nothing of the kind in it").replace("_", " ").lower()
    return error.strerror or str(error)
