"""Passwords: hashed by argon2id, and checked for what is too easily guessed."""

from __future__ import annotations

from threading import BoundedSemaphore
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from agent.errors import BusyError, ConfigError

SHORTEST: Final = 10
# More is no safer, and costs whoever is asked to hash it.
_LONGEST_BYTES: Final = 512
_FEWEST_LETTERS: Final = 5
# Each takes 64 MB and a tenth of a second: whoever sends many at once gets no more of the machine than this.
_AT_ONCE: Final = 2
_WAIT_S: Final = 3

# RFC 9106's second choice: 64 MiB, 3 passes, 4 lanes.
_hasher = PasswordHasher()
_turns = BoundedSemaphore(_AT_ONCE)


def check_password(password: str, name: str) -> None:
    """Look whether a new password will do.

    Args:
        password: as chosen.
        name: whose it will be.

    Raises:
        ConfigError: it is too short, too long, or too easily guessed.
    """
    if len(password) < SHORTEST:
        raise ConfigError(f"the password is too short: give at least {SHORTEST} characters.")
    if len(password.encode()) > _LONGEST_BYTES:
        raise ConfigError(f"the password is too long: give at most {_LONGEST_BYTES} bytes.")
    if len(set(password)) < _FEWEST_LETTERS or name in password.lower():
        raise ConfigError(
            "the password is easily guessed: give one of more different characters, without the name."
        )


def hash_password(password: str) -> str:
    """What is kept of it."""
    return _hasher.hash(password)


def verify_password(kept: str | None, password: str) -> bool:
    """Whether this is the password; without one the same time is taken, so that it says nothing.

    Args:
        kept: of `hash_password`; None: there is no such account.
        password: as typed.

    Raises:
        BusyError: too many are looked at just now.
    """
    if len(password.encode()) > _LONGEST_BYTES:
        password = ""
    if not _turns.acquire(timeout=_WAIT_S):
        raise BusyError("too many sign in at once; try again.")
    try:
        _hasher.verify(kept or _NOBODYS, password)
    except (VerificationError, InvalidHashError):
        return False
    finally:
        _turns.release()
    return kept is not None


def is_outdated(kept: str) -> bool:
    """Whether it was hashed with less than is done now."""
    return _hasher.check_needs_rehash(kept)


_NOBODYS: Final = _hasher.hash("nobody's password")
