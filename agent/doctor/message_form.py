"""Form of a message of doctor: its status, sentence and remedy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "warning", "fault", "unknown", "skipped"]

_FAULT = 1
_CANNOT_START = 2


@dataclass(frozen=True, slots=True)
class DoctorMessage:
    """Sentence and remedy of one kind of finding, in English; {…} are values of the finding.

    Attributes:
        status: how bad it is.
        found: the sentence.
        remedy: what to do; None where there is nothing to do.
        can_start: False: a fault with which the agent can't even start.
    """

    status: Status
    found: str
    remedy: str | None = None
    can_start: bool = True

    @property
    def exit_code(self) -> int:
        """The exit code that it leads to: 0, 1 or 2."""
        if self.status != "fault":
            return 0
        return _FAULT if self.can_start else _CANNOT_START
