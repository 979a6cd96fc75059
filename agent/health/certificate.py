"""Days that the agent's own certificate is still valid."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING

from agent.core.credentials import origin
from agent.core.log_messages import CERTIFICATE_ENDED, CERTIFICATE_ENDS
from agent.mqtt.certificates import SOON_DAYS, certificate_end

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

_log = logging.getLogger(__name__)


class CertificateHealth:
    """Says whether it is time for a new one; the journal is told once of each certificate, and at its end.

    Attributes:
        file: where it is; None: the agent has none.
    """

    def __init__(self) -> None:
        self.file: Path | None = None
        self._told: tuple[datetime, bool] | None = None

    def ends_soon(self, now: datetime) -> bool | None:
        """Whether it ends in 30 days or less, or has ended; None: it can't be read."""
        if self.file is None:
            return False
        # Read each time: a new one is put in its place while this runs.
        ends = certificate_end(self.file)
        if ends is None:
            return None
        soon = ends - now <= timedelta(days=SOON_DAYS)
        if soon and self._told != (told := (ends, ends <= now)):
            self._told = told
            day = f"{ends:%Y-%m-%d %H:%M} UTC"
            if ends <= now:
                _log.error(CERTIFICATE_ENDED, origin(self.file), day)
            else:
                _log.warning(CERTIFICATE_ENDS, origin(self.file), day)
        return soon
