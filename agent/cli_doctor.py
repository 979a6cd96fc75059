"""The command `presence-agent doctor`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from agent.cli_log import CONFIG, ConfigOption

if TYPE_CHECKING:
    from agent.doctor.wording import Status

_COLOURS: dict[Status | None, str] = {"ok": "32", "warning": "33", "fault": "1;31", "unknown": "36"}


def doctor(
    *,
    config: ConfigOption = CONFIG,
    as_json: Annotated[bool, Parameter(name="--json", negative="", help="One line of JSON.")] = False,
) -> int:
    """Look at everything that the agent needs, a line each with what to do about it.

    A running service keeps its camera, and goes on. The exit code is 0 where there is no fault, 2 where the
    agent can't begin (configuration, weights, recording), 1 with any other fault.
    """
    import logging

    from agent.doctor import doctor as examined
    from agent.words import vietnamese

    # What a part would say to the journal is in the report.
    logging.disable(logging.CRITICAL)
    report = examined(config)
    if as_json:
        print(report.as_json(vietnamese()))
        return report.exit_code
    terminal = sys.stdout.isatty()
    for status, line in report.lines(vietnamese()):
        colour = _COLOURS.get(status) if terminal else None
        print(f"\033[{colour}m{line}\033[0m" if colour else line)
    return report.exit_code
