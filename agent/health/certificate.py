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
    """Check of the certificate's end; logs once for each certificate, and once more when it has ended.

    Attributes:
        file: path of the certificate; None: the agent has none.
    """

    def __init__(self) -> None:
        self.file: Path | None = None
        self._logged: tuple[datetime, bool] | None = None

    def ends_soon(self, now: datetime) -> bool | None:
        """Whether it ends in 30 days or less, or has ended; None: it can't be read."""
        if self.file is None:
            return False
        # Read each time: it may be replaced while the agent runs.
        ends = certificate_end(self.file)
        if ends is None:
            return None
        soon = ends - now <= timedelta(days=SOON_DAYS)
        if soon and self._logged != (state := (ends, ends <= now)):
            self._logged = state
            day = f"{ends:%Y-%m-%d %H:%M} UTC"
            if ends <= now:
                _log.error(CERTIFICATE_ENDED, origin(self.file), day)
            else:
                _log.warning(CERTIFICATE_ENDS, origin(self.file), day)
        return soon
