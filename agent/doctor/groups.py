"""Groups of checks in threads of their own, with a time limit."""

from __future__ import annotations

import time
from threading import Thread
from typing import TYPE_CHECKING

from agent.doctor.report import Finding
from agent.locale.language import NC_

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.doctor.system import Emit

CONFIGURATION = {"after": NC_("after", "the configuration")}


class Group:
    """Checks in a thread of their own; one that hangs is abandoned."""

    def __init__(self, checks: tuple[str, ...], look: Callable[[Emit], None]) -> None:
        self.findings: list[Finding] = []
        self._checks = checks
        self._look = look
        self._failure: BaseException | None = None
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._look(self.findings.append)
        except BaseException as error:  # noqa: BLE001 - raised in wait()
            self._failure = error

    def wait(self, until_s: float, limit_s: float) -> list[Finding]:
        """Wait until `until_s` (monotonic); findings, and one for each check that has not answered."""
        self._thread.join(max(0.0, until_s - time.monotonic()))
        if self._failure:
            raise self._failure
        found = list(self.findings)
        if self._thread.is_alive():
            done = {finding.check for finding in found}
            missing = [check for check in self._checks if check not in done]
            found += [
                Finding(f"{check}.hung", {"limit_s": f"{limit_s:g}"})
                if place == 0
                else Finding(f"{check}.skipped", {"after": NC_("after", "that")})
                for place, check in enumerate(missing)
            ]
        return found
