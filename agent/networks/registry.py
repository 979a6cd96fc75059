"""Registry of the network families that a manifest may name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.errors import ModelError
from agent.networks.yolox import YOLOX
from agent.networks.yunet import YUNET

if TYPE_CHECKING:
    from agent.networks.family import NetworkFamily

_FAMILIES = {one.name: one for one in (YOLOX, YUNET)}


def register(family: NetworkFamily) -> None:
    """Make a family known under its name; ValueError: another one has it."""
    if _FAMILIES.setdefault(family.name, family) is not family:
        raise ValueError(f"there is a network family {family.name} already")


def family_of(name: str) -> NetworkFamily:
    """The family of this name.

    Raises:
        ModelError: there is none.
    """
    try:
        return _FAMILIES[name]
    except KeyError:
        known = ", ".join(_FAMILIES)
        raise ModelError(
            f'the network family "{name}" is not known to this presence-agent, which knows {known}'
        ) from None
