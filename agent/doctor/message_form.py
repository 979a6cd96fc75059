"""The form of what doctor says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Both = tuple[str, str]
Status = Literal["ok", "warning", "fault", "unknown", "skipped"]

_FAULT = 1
CANNOT_BEGIN = 2


@dataclass(frozen=True, slots=True)
class Words:
    """What one finding says, each in English and Vietnamese; {…} are values of the finding.

    Attributes:
        status: how bad it is.
        found: what is so.
        remedy: what to do; None where there is nothing to do.
        begins: False: a fault with which the agent can't even begin.
    """

    status: Status
    found: Both
    remedy: Both | None = None
    begins: bool = True

    @property
    def exit_code(self) -> int:
        """What the command ends with because of it."""
        if self.status != "fault":
            return 0
        return _FAULT if self.begins else CANNOT_BEGIN
