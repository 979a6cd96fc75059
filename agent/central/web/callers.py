"""Caller of the centre: a person with a session, a screen, or a program with a token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from agent.central.people.access_log import AccessLog, Actor
from agent.central.people.screens import Screens
from agent.central.people.sessions import Sessions
from agent.central.people.tokens import Tokens

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import HTTPConnection

    from agent.central.people.database import PeopleDatabase
    from agent.central.people.reach import Reach
    from agent.central.web.rights import Who

# A browser takes these from this host alone, over TLS alone, and for all of its paths.
SESSION_COOKIE: Final = "__Host-presence"
SCREEN_COOKIE: Final = "__Host-presence-screen"
CALLER: Final = "presence.caller"
_BEARER: Final = "bearer "


@dataclass(frozen=True, slots=True)
class WebCaller:
    """Somebody who was let in.

    Attributes:
        actor: as the access log names it.
        who: role, screen or token.
        reach: what may be seen.
        valid: looks again whether it still may.
    """

    actor: Actor
    who: Who
    reach: Reach
    valid: Callable[[], bool]

    @property
    def sites(self) -> frozenset[str] | None:
        """The sites it may read as a whole; None: all."""
        return self.reach.sites

    @property
    def places(self) -> frozenset[str]:
        """Single places that it may read beside those, as site/name."""
        return self.reach.places

    def is_valid(self) -> bool:
        """Whether it may still read: asked again and again while a stream is open."""
        return self.valid()


class Callers:
    """Those who may come in; each request is looked up, so that an end is in force at once."""

    def __init__(self, people: PeopleDatabase, idle_s: float, longest_s: float) -> None:
        """Take the database they are in.

        Args:
            people: open.
            idle_s: a session ends when it was not used for so long.
            longest_s: and when it is so old.
        """
        self.sessions = Sessions(people, idle_s, longest_s)
        self.screens = Screens(people)
        self.tokens = Tokens(people)
        self.log = AccessLog(people)

    def of(self, request: HTTPConnection) -> WebCaller | None:
        """Who this is; None: nobody that is known.

        Raises:
            LogError: the people database can't be read.
        """
        given = request.headers.get("authorization")
        if given is not None:
            # Whoever gives a token means it: a cookie beside it is no other chance.
            if given[: len(_BEARER)].lower() != _BEARER:
                return None
            return self._of_token(given[len(_BEARER) :].strip())
        secret = request.cookies.get(SESSION_COOKIE)
        found = self._of_session(secret) if secret else None
        secret = request.cookies.get(SCREEN_COOKIE)
        return found or (self._of_screen(secret) if secret else None)

    def _of_token(self, text: str) -> WebCaller | None:
        kept = self.tokens.find(text)
        if kept is None:
            return None
        actor = Actor("token", kept.name)
        return WebCaller(actor, "token", kept.reach, lambda: self.tokens.find(text) is not None)

    def _of_session(self, secret: str) -> WebCaller | None:
        kept = self.sessions.find(secret, used=True)
        if kept is None:
            return None
        actor = Actor("account", kept.name)
        return WebCaller(
            actor, kept.role, kept.reach, lambda: self.sessions.find(secret, used=False) is not None
        )

    def _of_screen(self, secret: str) -> WebCaller | None:
        kept = self.screens.find(secret)
        if kept is None:
            return None
        actor = Actor("screen", kept.name)
        return WebCaller(actor, "screen", kept.reach, lambda: self.screens.find(secret) is not None)
