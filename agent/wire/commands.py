"""Commands that others send to an agent, read as if they came from an enemy: anybody may publish anything."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, ValidationError, model_validator

from agent.wire.base import ClosedWire

# Pydantic reads annotations.
from agent.wire.fields import Hex8, Identifier  # noqa: TC001

MOST_EVENTS = 1000
_LONGEST = 512
_HIGHEST_SEQ = 2**53
_HEX8 = re.compile("[0-9a-f]{8}").fullmatch

_Seq = Annotated[int, Field(ge=1, le=_HIGHEST_SEQ)]


RefusedWhy = Literal["busy", "unknown_log", "range"]


class ReplayRequestWire(ClosedWire):
    """Asks for events of a log, at most 1,000 of them."""

    # Of those who write to us too, unknown fields are ignored.
    model_config = ConfigDict(extra="ignore")

    log: Annotated[Hex8, Field(description="Of which log: as events, status and health name it.")]
    from_seq: Annotated[_Seq, Field(description="Number of the first event that is asked for.")]
    to_seq: Annotated[_Seq, Field(description="Number of the last event that is asked for.")]
    request: Annotated[
        Identifier, Field(description="A name of one's own for it: the answer comes on replay/<request>.")
    ]

    @model_validator(mode="after")
    def _in_order(self) -> ReplayRequestWire:
        if self.to_seq < self.from_seq:
            raise ValueError("to_seq is before from_seq")
        return self


class ReplayDoneWire(ClosedWire):
    """The last message of a replay: how many events were sent, and the first and last of them.

    `refused`: there was none to send.
    """

    done: Annotated[Literal[True], Field(description="Nothing more comes for this request.")] = True
    sent: Annotated[int, Field(ge=0, le=MOST_EVENTS, description="So many events were sent.")]
    first_seq: Annotated[_Seq | None, Field(description="Number of the first that was sent; null: none was.")]
    last_seq: Annotated[_Seq | None, Field(description="Number of the last that was sent; null: none was.")]
    refused: Annotated[
        RefusedWhy | None,
        Field(
            title="RefusedWhy",
            description=(
                "Why none was sent; absent where some were. 'busy': others wait already, ask again later; "
                "'unknown_log': this agent has no such log, or no more; 'range': that is more than 1,000 "
                "numbers, or none of them is kept."
            ),
        ),
    ] = None

    def text(self) -> str:
        """As it is published."""
        return self.model_dump_json(exclude=None if self.refused else {"refused"})


@dataclass(frozen=True, slots=True)
class Presence:
    """Sender of a `status` or `health`, as its payload names it; `last_seq` 0: it names none."""

    log: str
    session: str
    online: bool
    last_seq: int


def replay_request(payload: str) -> ReplayRequestWire:
    """Parse a message on `cmd/replay`.

    Raises:
        ValueError: it is no such request; why, in a few words without what was sent.
    """
    if len(payload) > _LONGEST:
        raise ValueError(f"longer than {_LONGEST} characters")
    try:
        return ReplayRequestWire.model_validate_json(payload)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        raise ValueError(": ".join([*map(str, first["loc"]), first["msg"]])) from None


def presence(payload: str) -> Presence | None:
    """Parse the sender of a `status` or `health`; None: it is neither."""
    try:
        content = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    match content:
        case {"log": str(log), "session": str(session)} if _HEX8(log) and _HEX8(session):
            return Presence(log, session, content.get("state") != "offline", _last_seq(content))
        case _:
            return None


def _last_seq(content: dict[str, Any]) -> int:
    last_seq = content.get("last_seq")
    return last_seq if type(last_seq) is int and 0 <= last_seq <= _HIGHEST_SEQ else 0
