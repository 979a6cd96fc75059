"""Command line of the centre, `presence-central`."""

from __future__ import annotations

import json
from importlib import metadata

# Cyclopts reads annotations.
from typing import Annotated, NoReturn

from cyclopts import App, Parameter

from agent.cli.calendars import calendar_app
from agent.cli.ending import end_with
from agent.cli.help import ReadersHelp
from agent.cli.init import init
from agent.cli.log import log_to_stderr
from agent.cli.people import access_app, screen_app, token_app, user_app
from agent.cli.simulate import simulate
from agent.cli.web import CENTRAL_CONFIG, CentralConfigOption, web
from agent.locale.language import reader_language

app = App(
    name="presence-central",
    help="""The other end of presence-agent: stores what the agents of an office or a province publish.

    `--debug` behind any command shows a traceback when something goes wrong.
    """,
    help_format="markdown",
    help_formatter=ReadersHelp(),
    version=lambda: metadata.version("presence-agent"),
    version_flags=["--version"],
    help_flags=["--help", "-h"],
)
app.command(init)
app.command(simulate)
app.command(web)
for group in (user_app, screen_app, token_app, access_app, calendar_app):
    app.command(group)


@app.command
def receive(*, config: CentralConfigOption = CENTRAL_CONFIG) -> int:
    """Store what agents publish, and ask them again for what did not arrive, until stopped.

    An event is acknowledged to the broker once it is on the disk. While the database is away, or its disk is
    full, nothing is acknowledged: it waits with the broker.
    """
    from agent.app.receive import receive as serve
    from agent.central.settings import load

    log_to_stderr()
    serve(load(config))
    return 0


@app.command
def run(*, config: CentralConfigOption = CENTRAL_CONFIG) -> int:
    """Run `receive` and `web` side by side for a trial, until stopped; systemd runs each by itself.

    One that ends is started again after some seconds, and stops no other.
    """
    from agent.app.centre_run import run as run_all
    from agent.central.settings import load

    log_to_stderr()
    run_all(load(config), config)
    return 0


@app.command
def status(
    *,
    as_json: Annotated[bool, Parameter(name="--json", negative="", help="Print it as JSON.")] = False,
    config: CentralConfigOption = CENTRAL_CONFIG,
) -> int:
    """Print agents, their logs, what is missing of them, and what holds now."""
    from agent.app.receive import status as stored
    from agent.central.overview import table
    from agent.central.settings import load

    seen = stored(load(config))
    print(json.dumps(seen) if as_json else table(seen))
    return 0


@app.command
def check(*, config: CentralConfigOption = CENTRAL_CONFIG) -> int:
    """Check the configuration; exit code 2, and a sentence each, where something is wrong with it."""
    from agent.app.receive import check as checked
    from agent.central.settings import load

    checked(load(config))
    print(reader_language().gettext("{file} is good.").format(file=config))
    return 0


@app.command
def doctor(
    *,
    as_json: Annotated[bool, Parameter(name="--json", negative="", help="One line of JSON.")] = False,
    config: CentralConfigOption = CENTRAL_CONFIG,
) -> int:
    """Check what the centre needs, a line each, with what to do about it; nothing is changed.

    The exit code is 0 where there is no fault, 2 where the configuration is wrong, 1 with any other fault.
    """
    import logging

    from agent.cli.doctor import print_report
    from agent.doctor.office import examine_centre

    # What a part would log is in the report.
    logging.disable(logging.CRITICAL)
    report = examine_centre(config)
    if as_json:
        print(report.as_json(reader_language()))
    else:
        print_report(report)
    return report.exit_code


def main() -> NoReturn:
    """Run a command and end with the contract's exit code."""
    end_with(app)
