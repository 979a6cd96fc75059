"""Text without secrets: each in the forms in which programs show it, and what looks like one.

The second line of defence. The first is that only what is on a list gets into the bundle at all.
"""

from __future__ import annotations

import base64
import html
import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

HIDDEN = "***"
# A shorter one is hidden as a word only: 'a' is in every line.
_LEAST_ANYWHERE = 4
# What is left of a secret in the middle of base64 must be so long to mean anything.
_LEAST_BASE64 = 6
# From so many letters on a find in a finished member is no chance.
_LEAST_CERTAIN = 6
_LOGIN = re.compile(r"(?P<scheme>\b[a-zA-Z][a-zA-Z0-9+.-]*://)\S*@")
# Many cameras take their login in the path or behind a question mark; of others at least the latter.
_CAMERA_PATH = re.compile(r"(?P<host>\brtsps?://[^\s/?#\"'<>,;)]+)[/?#][^\s\"'<>,;)]*", re.IGNORECASE)
_QUERY = re.compile(r"(?P<address>\b[a-zA-Z][a-zA-Z0-9+.-]*://[^\s?\"'<>]*)\?[^\s\"'<>]*")
_SAID = re.compile(
    r"(?P<name>\b(?:pass(?:word|wd|phrase)?|pwd|secret|token|api[_-]?key)\b[\"']?\s*[:=]\s*)[^\s,;]+",
    re.IGNORECASE,
)
_HEADER = re.compile(r"(?P<name>\b(?:proxy-)?authorization\b[\"']?\s*[:=]).*", re.IGNORECASE)


class Redactor:
    """Hides secrets that are known, and what looks like one that is not."""

    def __init__(self, secrets: Iterable[str]) -> None:
        """Take them as they are; empty ones are none."""
        known = {secret for secret in secrets if secret.strip()}
        anywhere = {form for secret in known if len(secret) >= _LEAST_ANYWHERE for form in forms(secret)}
        self._certain = sorted(form for form in anywhere if len(form) >= _LEAST_CERTAIN)
        words = {form for secret in known if len(secret) < _LEAST_ANYWHERE for form in forms(secret)}
        # In an address any letter may be encoded or not.
        encoded = [
            _encoded(secret)
            for secret in sorted(known, key=len, reverse=True)
            if len(secret) >= _LEAST_ANYWHERE
        ]
        parts = encoded + [re.escape(form) for form in sorted(anywhere, key=len, reverse=True)]
        parts += [rf"(?<!\w){re.escape(form)}(?!\w)" for form in sorted(words, key=len, reverse=True)]
        self._known = re.compile("|".join(parts)) if parts else None

    def text(self, text: str) -> str:
        """The same without secrets."""
        if self._known:
            text = self._known.sub(HIDDEN, text)
        text = _LOGIN.sub(rf"\g<scheme>{HIDDEN}@", text)
        text = _CAMERA_PATH.sub(rf"\g<host>/{HIDDEN}", text)
        text = _QUERY.sub(rf"\g<address>?{HIDDEN}", text)
        text = _SAID.sub(rf"\g<name>{HIDDEN}", text)
        return _HEADER.sub(rf"\g<name> {HIDDEN}", text)

    def tree(self, value: Any) -> Any:  # noqa: ANN401 - as JSON has them
        """The same of all that JSON can hold, names included."""
        match value:
            case str():
                return self.text(value)
            case dict():
                return {self.text(str(key)): self.tree(item) for key, item in value.items()}
            case list() | tuple():
                return [self.tree(item) for item in value]
            case _:
                return value

    def leaks(self, content: str) -> bool:
        """Whether a finished text still holds one of the known secrets."""
        return any(form in content for form in self._certain)


def forms(secret: str) -> Iterator[str]:
    """How programs show a secret: as it is, escaped, URL-encoded, in base64 at each offset, in hex."""
    raw = secret.encode(errors="surrogateescape")
    yield secret
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield repr(secret)[1:-1]
    yield html.escape(secret)
    yield from (quote(raw, safe=""), quote(raw), quote_plus(raw))
    yield raw.hex()
    yield raw.hex().upper()
    for standard in _base64(raw):
        yield standard
        yield standard.replace("+", "-").replace("/", "_")


def _encoded(secret: str) -> str:
    """A pattern of the secret with any of its letters URL-encoded."""
    letters = []
    for letter in secret:
        code = "".join(f"%{byte:02x}" for byte in letter.encode(errors="surrogateescape"))
        plus = r"|\+" if letter == " " else ""
        letters.append(f"(?:{re.escape(letter)}|(?i:{code}){plus})")
    return "".join(letters)


def _base64(raw: bytes) -> Iterator[str]:
    """As base64 by itself, and what of it is the same wherever in a longer text it stands."""
    yield base64.b64encode(raw).decode()
    for offset, first in ((0, 0), (1, 2), (2, 3)):
        whole = base64.b64encode(bytes(offset) + raw).decode()
        middle = whole[first : (offset + len(raw)) * 8 // 6]
        if len(middle) >= _LEAST_BASE64:
            yield middle
