"""Secrets that only their owner has, of which a hash is kept: 256 random bits, or a code to be typed.

They are random, so that a plain SHA-256 says nothing of them, and nobody guesses one. Passwords are not:
`passwords` has those.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Final

# Crockford's base 32: none is taken for another, however it is written.
_LETTERS: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_CODE_GROUPS, _CODE_GROUP = 4, 4


def new_secret() -> str:
    """Make 256 random bits, as text for a cookie or a header."""
    return secrets.token_urlsafe(32)


def new_code() -> str:
    """Make 80 random bits that can be typed with a remote control: 7k3m-q2vx-9t4h-w8zp."""
    groups = ("".join(secrets.choice(_LETTERS) for _ in range(_CODE_GROUP)) for _ in range(_CODE_GROUPS))
    return "-".join(groups)


def code_of(typed: str) -> str:
    """The code that somebody typed, in the form that it was made in; hyphens may be left out."""
    plain = typed.lower().replace("-", "").translate(str.maketrans("oil", "011"))
    return "-".join(plain[at : at + _CODE_GROUP] for at in range(0, len(plain), _CODE_GROUP))


def secret_hash(secret: str) -> str:
    """What is kept of it."""
    return hashlib.sha256(secret.encode()).hexdigest()
