"""Caller of the API: whose sites it may read, and for how long; who signs in is somebody else's to say."""

from __future__ import annotations

from typing import Protocol


class ApiCaller(Protocol):
    """Somebody who was let in."""

    @property
    def sites(self) -> frozenset[str] | None:
        """The sites it may read as a whole; None: all."""

    @property
    def places(self) -> frozenset[str]:
        """Single places that it may read beside those, as site/name."""

    def is_valid(self) -> bool:
        """Whether it may still read: asked again and again while a stream is open."""


def may_read(caller: ApiCaller, agent: str) -> bool:
    """Whether this caller may read of an agent.

    Args:
        caller: let in.
        agent: site/name.
    """
    return caller.sites is None or agent.partition("/")[0] in caller.sites or agent in caller.places


def may_ask(caller: ApiCaller, site: str, place: str | None) -> bool:
    """Whether this caller may read something of a site, or this place of it.

    Args:
        caller: let in.
        site: its name.
        place: its name; None: any.
    """
    if place is not None:
        return may_read(caller, f"{site}/{place}")
    return may_read(caller, f"{site}/") or any(one.startswith(f"{site}/") for one in caller.places)
