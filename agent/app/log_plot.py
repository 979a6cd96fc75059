"""`presence-agent log plot`: a day of the event log, or a replay's events, as a picture."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from agent.app.central_calendar import read_kept
from agent.app.settings import settings_of
from agent.app.working_time import working_time
from agent.errors import AgentError, ConfigError
from agent.eventlog.reader import events_between, events_in_file, newest
from agent.render.chart import chart
from agent.render.drawing import write_picture
from agent.render.timeline import ROW_KINDS, moment, timeline

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from agent.config.models import Config
    from agent.presence.hours import WorkingTime
    from agent.render.timeline import Event

# Intervals open at midnight started at most so long before it, or are reported at most so long after it.
_AROUND = timedelta(hours=36)
# A recording that is shorter than this is shown by itself, not as a sliver of its day.
_SHORT = timedelta(hours=12)
_ROUND_S = 10


def plot(
    config: Config,
    out: Path,
    day: date | None,
    events: Path | None,
) -> None:
    """Draw a day of the configured event log, which is only read, or of a file of events.

    Args:
        config: says where the log is, what the place is called and what its time zone is.
        out: the PNG file.
        day: the local day; None: that of the newest event, or just what the file's events span.
        events: JSON lines as of `replay --events`, instead of the log.

    Raises:
        ConfigError: there is nothing that can be read, or `out` is no PNG.
        LogError: the log is damaged.
        AgentError: `out` can't be written.
    """
    if out.suffix.lower() != ".png":
        raise ConfigError(f"--out {out}: give a path that ends in .png.")
    if not out.parent.is_dir():
        raise AgentError(f"--out {out}: there is no such folder; make it first.")
    zone, hours = ZoneInfo(config.device.timezone), _hours(config, recorded=events is not None)
    if events:
        bodies = events_in_file(events)
        begin, end, now = _recorded(bodies, day, hours)
    else:
        path, now = config.log.path, datetime.now(UTC)
        last = newest(path) or now
        # Where the clock was set back, what is in the log is not yet to come.
        now = max(now, last)
        begin, end = hours.day(day or hours.date_of(last))
        bodies = events_between(path, begin - _AROUND, end + _AROUND)
    rules = {table.id: kind for kind in ROW_KINDS.ids for table in getattr(config, kind, ())}
    place = config.device.place or f"{config.device.site}/{config.device.name}"
    periods = _worked(hours, begin, end)
    write_picture(out, chart(timeline(bodies, begin, end, now, rules), place, zone, periods))


def _hours(config: Config, *, recorded: bool) -> WorkingTime:
    """The working hours in force, which the centre may have set; a recording goes by the file alone."""
    try:
        central = None if recorded else read_kept(config)
    except AgentError:
        central = None
    return working_time(settings_of(config, central).in_force)


def _worked(hours: WorkingTime, begin: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    """The working periods that may be in a window."""
    first, last = hours.date_of(begin), hours.date_of(end)
    dates = (first + timedelta(days=number) for number in range((last - first).days + 1))
    return [(period.start, period.end) for date in dates for period in hours.periods(date)]


def _recorded(
    bodies: Sequence[Event], day: date | None, hours: WorkingTime
) -> tuple[datetime, datetime, datetime]:
    """Start and end of the window for the events of a file, and the time of the last one."""
    times = [at for event in bodies if (at := moment(event, "ts"))]
    if not times:
        at = datetime.now(UTC)
        return *hours.day(day or hours.date_of(at)), at
    first = min([*times, *(at for event in bodies if (at := moment(event, "since")))])
    last = max(times)
    if day or last - first > _SHORT:
        return *hours.day(day or hours.date_of(last)), last
    begin_s, end_s = int(first.timestamp()) // _ROUND_S, int(last.timestamp()) // _ROUND_S + 1
    return (
        datetime.fromtimestamp(begin_s * _ROUND_S, UTC),
        datetime.fromtimestamp(end_s * _ROUND_S, UTC),
        last,
    )
