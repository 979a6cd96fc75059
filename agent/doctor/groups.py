"""Checks beside one another, each group with its time."""

from __future__ import annotations

import time
from threading import Thread
from typing import TYPE_CHECKING

from agent.doctor.report import Finding

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.doctor.system import Tell

CONFIGURATION = {"after": "the configuration", "after_vi": "cấu hình"}


class Group:
    """Checks that go on by themselves; what hangs is left alone."""

    def __init__(self, checks: tuple[str, ...], look: Callable[[Tell], None]) -> None:
        self.findings: list[Finding] = []
        self._checks = checks
        self._look = look
        self._failure: BaseException | None = None
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._look(self.findings.append)
        except BaseException as error:  # noqa: BLE001 - raised by whoever waits for it
            self._failure = error

    def wait(self, until_s: float, limit_s: float) -> list[Finding]:
        """What was found until then, and what gave no answer."""
        self._thread.join(max(0.0, until_s - time.monotonic()))
        if self._failure:
            raise self._failure
        found = list(self.findings)
        if self._thread.is_alive():
            told = {finding.check for finding in found}
            missing = [check for check in self._checks if check not in told]
            found += [
                Finding(f"{check}.hung", {"limit_s": f"{limit_s:g}"})
                if place == 0
                else Finding(f"{check}.skipped", {"after": "that", "after_vi": "mục đó"})
                for place, check in enumerate(missing)
            ]
        return found
