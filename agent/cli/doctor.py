"""Command `presence-agent doctor`."""

from __future__ import annotations

import sys

# Cyclopts reads annotations.
from pathlib import Path  # noqa: TC003
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from agent.cli.errors import readers_sentence
from agent.cli.log import CONFIG, ConfigOption

if TYPE_CHECKING:
    from agent.doctor import Finding, Report
    from agent.doctor.messages import Status

_COLOURS: dict[Status | None, str] = {"ok": "32", "warning": "33", "fault": "1;31", "unknown": "36"}


def doctor(
    *,
    config: ConfigOption = CONFIG,
    as_json: Annotated[bool, Parameter(name="--json", negative="", help="One line of JSON.")] = False,
    bundle: Annotated[
        Path | None,
        Parameter(help="Write a support bundle into this file, or into this folder (a USB stick)."),
    ] = None,
    preflight: Annotated[
        bool,
        Parameter(negative="", help="Only whether this version would run on this configuration and log."),
    ] = False,
    inside: Annotated[bool, Parameter(negative="", show=False)] = False,
) -> int:
    """Check everything that the agent needs, one line each, with what to do about it.

    As root it looks as the service's user in its sandbox. A running service keeps its camera, and goes on.
    The exit code is 0 where there is no fault, 2 where the agent can't start (configuration, weights,
    recording), 1 with any other fault. The preflight takes no camera, asks no broker, and opens
    a copy of the event log. A bundle has no picture, no event of a person and no secret; where it
    can't be written the exit code is 1.
    """
    import logging

    from agent.doctor import findings_json, write_bundle
    from agent.errors import AgentError
    from agent.locale.language import reader_language
    from agent.render.sentences import harmless

    # What a part would log is in the report.
    logging.disable(logging.CRITICAL)
    if inside:
        # The doctor outside reads this, and prints it in its own language.
        print(findings_json(_inside(config, preflight=preflight)))
        return 0
    report = _report(config, preflight=preflight)
    if as_json:
        print(report.as_json(reader_language()))
    else:
        print_report(report)
    if bundle is None:
        return report.exit_code
    try:
        written = write_bundle(bundle, report, config, reader_language())
    except AgentError as error:
        print(harmless(readers_sentence(error)), file=sys.stderr)
        return error.exit_code
    # A program that reads the JSON gets nothing else.
    print(harmless(written), file=sys.stderr if as_json else sys.stdout)
    return report.exit_code


def _inside(config: Path, *, preflight: bool) -> list[Finding]:
    if preflight:
        from agent.doctor.preflight import preflight_checks

        return preflight_checks(config)
    from agent.doctor.checks_user import user_checks

    return user_checks(config)


def _report(config: Path, *, preflight: bool) -> Report:
    if preflight:
        from agent.doctor.preflight import preflight as tried
        from agent.doctor.sandbox import ask_preflight

        return tried(config, ask_sandbox=ask_preflight)
    from agent.doctor import ask_sandbox, examine

    return examine(config, ask_sandbox=ask_sandbox)


def print_report(report: Report) -> None:
    """Print a line each, in colours on a terminal."""
    from agent.locale.language import reader_language

    terminal = sys.stdout.isatty()
    for status, line in report.lines(reader_language()):
        colour = _COLOURS.get(status) if terminal else None
        print(f"\033[{colour}m{line}\033[0m" if colour else line)
