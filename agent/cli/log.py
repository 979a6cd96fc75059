"""Commands under `presence-agent log`."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from agent.core import identifiers
from agent.locale.language import reader_language

CONFIG = Path("/etc/presence-agent/agent.toml")
# For an option that takes a file.
STANDARD_OUTPUT = Path("-")
ConfigOption = Annotated[Path, Parameter(name="--config", help="The configuration file (TOML).")]


def log_to_stderr() -> None:
    """Log to standard error, a line each."""
    if logging.getLogger().handlers:
        return
    # A separate descriptor: standard error itself is silenced at times, because of libraries.
    lines = os.fdopen(os.dup(sys.stderr.fileno()), "w", buffering=1)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s", stream=lines)


log_app = App(name="log", help="The event log on the card: follow it, export it, verify it, draw a day.")


@log_app.command
def tail(
    *,
    number: Annotated[
        int, Parameter(name=["-n", "--number"], help="Start with so many of the last events.")
    ] = 10,
    as_json: Annotated[
        bool, Parameter(name="--json", negative="", help="Print the events as they are published.")
    ] = False,
    follow: Annotated[bool, Parameter(help="Keep printing new events until interrupted.")] = True,
    config: ConfigOption = CONFIG,
) -> int:
    """Print the last events in words, with local time, and then each new one, until interrupted.

    The log is only read: the agent may be running, or not have started yet.
    """
    from agent.app.log_export import tail as lines
    from agent.config.load import load
    from agent.device.signals import stop_signals

    def report(words: str) -> None:
        print(words, file=sys.stderr, flush=True)

    loaded = load(config)
    with stop_signals() as stop:
        for line in lines(loaded, stop, number, report, as_json=as_json, follow=follow):
            print(line, flush=True)
    return 0


@log_app.command
def export(
    *,
    from_: Annotated[
        str | None,
        Parameter(
            name="--from", help="The first local day, as in 2026-11-22, or the first moment, RFC 3339."
        ),
    ] = None,
    to: Annotated[
        str | None, Parameter(help="The last local day, or the moment before which events end, RFC 3339.")
    ] = None,
    out: Annotated[
        Path, Parameter(allow_leading_hyphen=True, help="Write to this file; - is standard output.")
    ] = STANDARD_OUTPUT,
    file: Annotated[
        Path | None,
        Parameter(help="A log that was set aside, not the configured one; what can't be read is left out."),
    ] = None,
    config: ConfigOption = CONFIG,
) -> int:
    """Write the events as JSON lines, oldest first, just as they are published.

    The log is only read, and may be that of a running agent.
    """
    from agent.app.log_export import export as write
    from agent.app.log_export import rescue
    from agent.config.load import load

    start = None if from_ is None else identifiers.bound("--from", from_)
    end = None if to is None else identifiers.bound("--to", to)
    to_file = None if out == STANDARD_OUTPUT else out
    if file is None:
        write(load(config), start, end, to_file)
        return 0
    number = rescue(load(config), file, start, end, to_file)
    text = reader_language().gettext("{file}: {number} events could be read.")
    print(text.format(file=file, number=number), file=sys.stderr)
    return 0


@log_app.command
def verify(*, config: ConfigOption = CONFIG) -> int:
    """Check that the log is whole and its events have the published form; exit code 1 if not.

    The log is only read, and may be that of a running agent.
    """
    from agent.app.log_verify import verify as verified
    from agent.config.load import load

    summary, problems = verified(load(config))
    print(*summary, *(problems or [reader_language().gettext("The log is good.")]), sep="\n")
    return 1 if problems else 0


@log_app.command(name="plot")
def log_plot(
    *,
    out: Annotated[Path, Parameter(help="The picture to write (.png).")],
    day: Annotated[
        str | None, Parameter(help="The local day, as in 2026-11-22; that of the newest event if left out.")
    ] = None,
    events: Annotated[
        Path | None, Parameter(help="Draw the events that `replay --events` wrote here, not the log.")
    ] = None,
    config: ConfigOption = CONFIG,
) -> int:
    """Draw a day: who was where, who crossed, who attended, and when nobody could see.

    The log is only read, and may be that of a running agent. Events of a file that span less than
    half a day are drawn from the first to the last, unless a day is named.
    """
    from agent.app.log_plot import plot
    from agent.config.load import load

    plot(load(config), out, None if day is None else identifiers.local_day(day), events)
    return 0
