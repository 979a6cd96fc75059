"""Commands `presence-central calendar`: working hours and days off of many sites at once."""

from __future__ import annotations

from datetime import UTC, datetime

# Cyclopts reads annotations.
from pathlib import Path  # noqa: TC003
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from agent.cli.web import CENTRAL_CONFIG, CentralConfigOption
from agent.core.identifiers import identifier
from agent.locale.language import reader_language

if TYPE_CHECKING:
    from collections.abc import Iterable

calendar_app = App(name="calendar", help="Working hours and days off, for all devices of a site at once.")

_Sites = Annotated[
    list[str], Parameter(negative="", help="For the devices of this site; again for each site.")
]


@calendar_app.command(name="set")
def set_calendar(
    file: Annotated[
        Path,
        Parameter(help="TOML with the tables [[hours]] and [calendar], as in an agent's configuration."),
    ],
    *,
    site: _Sites,
    config: CentralConfigOption = CENTRAL_CONFIG,
) -> int:
    """Set them, in the place of what the devices' own configurations have.

    The file is checked as a device would, before anything is sent. Each device that the store knows of
    these sites gets it from the broker, one that is away when it comes back. Prints who that is, and the
    digest by which `calendar list` shows who has it in force.
    """
    from agent.app.site_calendars import calendar_of, send_calendar
    from agent.central.settings import load

    _check_names(site)
    loaded = load(config)
    calendar = calendar_of(file, datetime.now(UTC))
    for agent in send_calendar(loaded, site, calendar.text):
        print(f"sent to {agent}", flush=True)
    said = reader_language().gettext("Sent as {digest}; `presence-central calendar list` shows who has it.")
    print(said.format(digest=calendar.digest))
    return 0


@calendar_app.command
def clear(*, site: _Sites, config: CentralConfigOption = CENTRAL_CONFIG) -> int:
    """Let the devices' own configurations hold again."""
    from agent.app.site_calendars import send_calendar
    from agent.central.settings import load

    _check_names(site)
    for agent in send_calendar(load(config), site, ""):
        print(f"cleared for {agent}", flush=True)
    return 0


@calendar_app.command(name="list")
def list_calendars(
    *,
    site: Annotated[
        list[str] | None, Parameter(negative="", help="Only this site; again for each. Without it all.")
    ] = None,
    config: CentralConfigOption = CENTRAL_CONFIG,
) -> int:
    """Print whose hours each device has in force, as it said last: its own, or the centre's by their digest.

    `refused`: the device could not take what came last, and its journal says why.
    """
    from agent.app.site_calendars import calendars_of
    from agent.central.overview import aligned
    from agent.central.settings import load

    _check_names(site or ())
    rows: list[tuple[str, ...]] = [("device", "state", "hours", "since", "")]
    for now in calendars_of(load(config), site or ()):
        hours = now.digest or ("own" if now.known else "unknown")
        rows.append((now.agent, now.state, hours, now.since or "", "refused" if now.refused else ""))
    print(*aligned(rows), sep="\n")
    return 0


def _check_names(sites: Iterable[str]) -> None:
    for site in sites:
        identifier("--site", site)
