"""Registry of the network families that a manifest may name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.core.registry import Registry
from agent.errors import ModelError
from agent.networks.yolox import YOLOX
from agent.networks.yunet import YUNET

if TYPE_CHECKING:
    from agent.networks.family import NetworkFamily

FAMILIES: Final[Registry[NetworkFamily]] = Registry(lambda family: family.name, (YOLOX, YUNET))


def family_of(name: str) -> NetworkFamily:
    """The family of this name.

    Raises:
        ModelError: there is none.
    """
    if family := FAMILIES.get(name):
        return family
    known = ", ".join(FAMILIES.ids)
    raise ModelError(f'the network family "{name}" is not known to this presence-agent, which knows {known}')
