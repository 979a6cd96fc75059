"""Expiry of a certificate, read from its file (the standard library shows only the other side's)."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

# With that long to go it is time for a new one.
SOON_DAYS: Final = 30
_MOST_BYTES = 1_000_000
# As OpenSSL takes them from a file; the first is the device's own.
_PEM = re.compile(
    rb"-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----(.+?)-----END (?:X509 |TRUSTED )?CERTIFICATE-----",
    re.DOTALL,
)
# Tags of ASN.1 (X.690), and where a length takes more than one byte.
_SEQUENCE, _VERSION, _UTC_TIME, _GENERALIZED_TIME, _LONG = 0x30, 0xA0, 0x17, 0x18, 0x80


def certificate_ends(path: Path) -> datetime:
    """Read the end (notAfter) of the first certificate in a PEM file.

    Raises:
        OSError: the file can't be read.
        ValueError: there is no certificate in it.
    """
    with path.open("rb") as file:
        found = _PEM.search(file.read(_MOST_BYTES))
    if not found:
        raise ValueError("there is no certificate in it")
    try:
        return _not_after(base64.b64decode(found[1]))
    except (ValueError, IndexError):
        raise ValueError("the certificate in it can't be read") from None


def certificate_end(path: Path | None) -> datetime | None:
    """The same; None: there is none, or it can't be read."""
    try:
        return certificate_ends(path) if path else None
    except (OSError, ValueError):
        return None


def _not_after(der: bytes) -> datetime:
    """Walk to the validity: RFC 5280, 4.1."""
    _, certificate, _ = _value(der, 0, _SEQUENCE)
    _, at, _ = _value(der, certificate, _SEQUENCE)
    tag, _, end = _value(der, at)
    # Version, if there, then serial number, signature's kind and issuer.
    for _ in range(3 if tag == _VERSION else 2):
        _, _, end = _value(der, end)
    _, not_before, _ = _value(der, end, _SEQUENCE)
    _, _, at = _value(der, not_before)
    tag, start, end = _value(der, at)
    text = der[start:end].decode("ascii")
    if tag == _UTC_TIME:
        # Two digits of the year: 1950 to 2049.
        text = ("19" if text >= "50" else "20") + text
    elif tag != _GENERALIZED_TIME:
        raise ValueError
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)


def _value(der: bytes, at: int, wanted: int | None = None) -> tuple[int, int, int]:
    """The tag of what is here, and from where to where its value goes."""
    tag, length = der[at], der[at + 1]
    start = at + 2
    if length >= _LONG:
        digits = length - _LONG
        length, start = int.from_bytes(der[start : start + digits], "big"), start + digits
    if start + length > len(der) or (wanted is not None and tag != wanted):
        raise ValueError
    return tag, start, start + length
