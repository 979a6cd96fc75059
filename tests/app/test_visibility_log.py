"""Journal lines of the camera's visibility, by the working hours of a real configuration."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from agent.app.build import random_track_ids, stages
from agent.app.publishing import delivery
from agent.app.run import StepReporter, VisibilityLogger, _Run
from agent.app.settings import settings_of
from agent.app.view_store import ViewKeeper
from agent.app.working_time import working_time
from agent.config.load import load
from agent.core.frame import Instant
from agent.core.visibility import Visibility
from agent.device import clock
from agent.device.signals import service_signals
from agent.device.systemd import Systemd
from tests.builders import BEGIN
from tests.conftest import write_config

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from agent.core.visibility import BlindCause

HOURS = """
[[hours]]
days = ["mon", "tue", "wed", "thu", "fri"]
periods = [["07:30", "11:30"], ["13:30", "17:00"]]

[calendar]
holidays = ["2026-01-07"]
"""
SEES = "INFO the camera sees again"
NIGHT = "INFO it is dark, outside working hours; until there is light, nobody is counted"


def blind(cause: BlindCause) -> str:
    return f"WARNING the camera can't see ({cause}); until it does, nobody is counted"


def at(local: str, *, synced: bool) -> Instant:
    """A local time in January 2026, such as "05 17:30", a Monday."""
    utc = datetime.fromisoformat(f"2026-01-{local}+07:00")
    return Instant((utc - BEGIN).total_seconds(), utc, synced)


@pytest.mark.parametrize(
    ("sights", "said"),
    [
        pytest.param([("05 09:00", None), ("05 17:30", None)], [], id="good"),
        pytest.param(
            [("05 17:30", "dark"), ("05 23:00", "dark"), ("06 06:00", None)], [NIGHT, SEES], id="night"
        ),
        pytest.param([("05 12:00", "dark"), ("05 12:10", None)], [NIGHT, SEES], id="noon"),
        pytest.param([("05 09:00", "dark"), ("05 09:10", None)], [blind("dark"), SEES], id="curtains"),
        # The light should be on by then.
        pytest.param(
            [("05 17:30", "dark"), ("06 07:29", "dark"), ("06 07:30", "dark"), ("06 07:31", "dark"),
             ("06 07:40", None)],
            [NIGHT, blind("dark"), SEES], id="still-dark-in-the-morning",
        ),
        pytest.param(
            [("06 17:30", "dark"), ("07 09:00", "dark"), ("08 07:29", "dark"), ("08 07:30", "dark")],
            [NIGHT, blind("dark")], id="dark-over-a-holiday",
        ),
        pytest.param(
            [("05 16:59", "dark"), ("05 17:00", "dark"), ("06 07:30", "dark")],
            [blind("dark"), NIGHT, blind("dark")], id="dark-from-the-afternoon-on",
        ),
        # At night it is a fault as well that somebody covers or turns the camera.
        pytest.param([("05 23:00", "covered"), ("05 23:10", None)], [blind("covered"), SEES], id="covered"),
        pytest.param(
            [("05 22:00", "dark"), ("05 23:00", "moved"), ("05 23:10", "dark")],
            [NIGHT, blind("moved"), NIGHT], id="moved-in-the-dark",
        ),
    ],
)  # fmt: skip
def test_sight_is_told(
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
    sights: Sequence[tuple[str, BlindCause | None]],
    said: list[str],
) -> None:
    assert told(caplog, write_config(tmp_path, "x.avi", more=HOURS), sights) == said


DARK_NIGHT: Sequence[tuple[str, BlindCause | None]] = [("05 17:30", "dark"), ("06 06:00", None)]


def test_sight_where_it_is_lit_at_night(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    config = write_config(tmp_path, "x.avi", more=HOURS)
    config.write_text(config.read_text().replace("[camera]", "[camera]\nnight = true"))
    assert told(caplog, config, DARK_NIGHT) == [blind("dark"), SEES]


def test_sight_without_working_hours(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    assert told(caplog, write_config(tmp_path, "x.avi"), DARK_NIGHT) == [blind("dark"), SEES]


def test_sight_while_nobody_knows_the_time(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    config = write_config(tmp_path, "x.avi", more=HOURS)
    assert told(caplog, config, DARK_NIGHT, synced=False) == [blind("dark"), SEES]


def told(
    caplog: pytest.LogCaptureFixture,
    config: Path,
    sights: Sequence[tuple[str, BlindCause | None]],
    *,
    synced: bool = True,
) -> list[str]:
    """The journal's lines for sights at local times."""
    loaded = load(config)
    logger = VisibilityLogger(working_time(loaded), night=loaded.camera.night)
    with caplog.at_level("INFO", "agent.app.run"):
        for local, cause in sights:
            moment = at(local, synced=synced)
            logger.log(Visibility(cause, moment), moment)
    return [f"{record.levelname} {record.message}" for record in caplog.records]


@pytest.mark.usefixtures("weights")
def test_reload_with_holidays_that_cant_be_worked_out(
    caplog: pytest.LogCaptureFixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old configuration stays: before, the agent ended."""
    config = load(write_config(tmp_path, "x.avi", more=HOURS))
    new = load(write_config(tmp_path, "x.avi", more=f'{HOURS}country = "IS"'))
    monkeypatch.setattr("agent.config.holidays.own_python", lambda *_words: ["/bin/false"])
    with service_signals() as asked:
        watch = _Run(config, lambda: new, asked, Systemd(), lambda: None)
        stage = stages(settings_of(config), (64, 48), random_track_ids())
        with delivery(settings_of(config), stage.ledger) as box:
            at = clock.now()
            reporter, keeper = StepReporter(stage, box, at), ViewKeeper(config, stage, at)
            assert watch._reloaded(reporter, keeper) is None
    assert watch.settings == stage.settings == settings_of(config)
    said = [record.message for record in caplog.records if "was refused" in record.message]
    assert ["public holidays of IS" in one for one in said] == [True]
