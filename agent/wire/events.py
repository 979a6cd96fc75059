"""The wire models of all events, made from `core/event.py`.

Each of those is a name of this module, as `LineCrossedWire` of `LineCrossed`. Type checkers read
`events.pyi`, which `python -m tests.wire.event_stub` writes down.
"""

from agent.core.event import PeriodCrossings
from agent.wire.base import (  # noqa: F401 - what all models are made of is found here too
    CONTRACT,
    ClosedWire,
    EventWire,
    Wire,
    check_agent_name,
)
from agent.wire.event_models import EventModels, part_model

EVENTS = EventModels()
globals().update({model.__name__: model for model in (part_model(PeriodCrossings), *EVENTS.values())})
