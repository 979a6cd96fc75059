"""Registry of the kinds of rules on the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.core.registry import Registry
from agent.wire.counter import COUNTER
from agent.wire.line import LINE
from agent.wire.zone import ZONE

if TYPE_CHECKING:
    from agent.wire.rule_form import WireKind

WIRE_KINDS: Final[Registry[WireKind]] = Registry(lambda kind: kind.kind_id, (LINE, ZONE, COUNTER))
"""Every kind, in the order of the contract."""
