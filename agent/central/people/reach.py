"""Reach of somebody: which sites and places may be seen, as value and as kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from agent.core.identifiers import identifier
from agent.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Collection

Role = Literal["leader", "staff", "technician", "auditor", "admin"]
ROLES: tuple[Role, ...] = ("leader", "staff", "technician", "auditor", "admin")


@dataclass(frozen=True, slots=True)
class Reach:
    """What may be seen.

    Attributes:
        sites: whole ones; None: all there are.
        places: single ones, as site/name.
    """

    sites: frozenset[str] | None = None
    places: frozenset[str] = frozenset()

    @classmethod
    def made(cls, sites: Collection[str], places: Collection[str] = ()) -> Reach:
        """Of options.

        Args:
            sites: whole ones.
            places: single ones, as site/name; neither: all.

        Raises:
            ConfigError: one is no site or no place.
        """
        for site in sites:
            identifier("--site", site)
        for place in places:
            site, slash, name = place.partition("/")
            if not slash:
                raise ConfigError(f"--place {place}: give it as site/name, for example que-phong/one-stop.")
            identifier("--place", site)
            identifier("--place", name)
        return cls(frozenset(sites) if sites or places else None, frozenset(places))

    @classmethod
    def kept(cls, text: str | None) -> Reach:
        """As it was kept."""
        if text is None:
            return cls()
        names = text.split()
        return cls(
            frozenset(name for name in names if "/" not in name),
            frozenset(name for name in names if "/" in name),
        )

    def text(self) -> str | None:
        """As it is kept; None: all."""
        return None if self.sites is None else " ".join(sorted({*self.sites, *self.places}))
