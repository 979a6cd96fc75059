"""An update that failed, as the updater notes it: told once, and in health while the note is there."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from agent.app import run, sources
from agent.app.build import ledger
from agent.app.publishing import delivery
from agent.app.settings import settings_of
from agent.config.load import load
from agent.core.event import UpdateFailed
from agent.device import clock
from agent.device.failed_update import FailedUpdateFile
from agent.eventlog.failover import FailoverLog
from tests.conftest import logged, write_config
from tests.every_frame import every_frame
from tests.samples import make_entered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from threading import Event

    from agent.app.publishing import Delivery
    from agent.core.event import Event as AgentEvent
    from agent.core.frame import Frame, Instant
    from agent.device.frames import View
    from agent.device.recording import Recording

OLD, NEW = "1.0.0~deb13", "1.1.0~deb13"
NOTE = {"v": 1, "from_version": OLD, "to_version": NEW, "cause": "unhealthy", "ts": "2026-11-22T00:31:05Z"}


class Place:
    """A log without a broker, and the updater's note beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.note = folder / "failed.json"
        self.config = load(write_config(folder, "x.avi"))

    def leave(self, **changed: object) -> None:
        """Put a note there, as the updater does: whole."""
        new = self.folder / ".failed.json.new"
        new.write_text(json.dumps(NOTE | changed))
        new.replace(self.note)

    def runs(self, during: Callable[[Delivery], None] = lambda _box: None) -> bool:
        """A run of the agent; whether health has the reason at its end."""
        settings = settings_of(self.config)
        with delivery(settings, ledger(settings), failed_update=FailedUpdateFile(self.note)) as box:
            during(box)
            return box.health.update_failed()

    @property
    def told(self) -> list[tuple[object, ...]]:
        """What the log tells of updates."""
        names = ("rule", "from_version", "to_version", "cause")
        events = logged(self.folder).values()
        return [tuple(event[name] for name in names) for event in events if event["type"] == "update.failed"]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def looks(box: Delivery) -> None:
    """As each second of a run."""
    for _ in range(3):
        box.tell_failed_update(clock.now())


def test_it_is_told_once(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    assert not place.runs(looks)
    assert place.told == []
    place.leave()
    for _ in range(3):
        assert place.runs(looks)
    assert place.told == [("agent", OLD, NEW, "unhealthy")]
    line = f"the update from version {OLD} to {NEW} failed (unhealthy): the version before runs"
    assert [record.message for record in caplog.records if record.message == line] == [line]


def test_the_next_failure_is_told_too(place: Place) -> None:
    place.leave()
    place.runs(looks)
    # The same version once more.
    place.leave(ts="2026-11-23T00:00:00Z", cause="ended")
    place.runs(looks)
    place.runs(looks)
    assert [cause for *_, cause in place.told] == ["unhealthy", "ended"]


def test_one_that_fails_before_it_runs_is_told_by_the_agent_that_goes_on(place: Place) -> None:
    def during(box: Delivery) -> None:
        looks(box)
        assert not box.health.update_failed()
        place.leave(cause="configuration")
        looks(box)
        assert box.health.update_failed()

    assert place.runs(during)
    assert place.told == [("agent", OLD, NEW, "configuration")]


def test_health_is_good_again_after_a_good_update(place: Place) -> None:
    def during(box: Delivery) -> None:
        looks(box)
        place.note.unlink()
        looks(box)

    place.leave()
    assert not place.runs(during)


@pytest.mark.parametrize("killed", ["before the event", "after the event"])
def test_an_agent_that_is_killed_meanwhile(
    place: Place, monkeypatch: pytest.MonkeyPatch, killed: str
) -> None:
    append = FailoverLog.append

    def ends(log: FailoverLog, events: list[AgentEvent], at: Instant) -> int:
        is_it = any(isinstance(event, UpdateFailed) for event in events)
        if is_it and killed == "before the event":
            raise KeyboardInterrupt
        seq = append(log, events, at)
        if is_it:
            raise KeyboardInterrupt
        return seq

    place.leave()
    with monkeypatch.context() as patch:
        patch.setattr(FailoverLog, "append", ends)
        with pytest.raises(KeyboardInterrupt):
            place.runs()
    assert len(place.told) == (killed == "after the event")
    place.runs(looks)
    place.runs(looks)
    assert len(place.told) == 1


def test_what_retention_deleted_is_not_told_again(place: Place) -> None:
    def deletes(box: Delivery) -> None:
        box.append([make_entered(1)], clock.now())
        log = box._failover.log
        log.delete(log.last_seq - 1)

    place.leave()
    place.runs(deletes)
    assert place.told == []
    place.runs(looks)
    assert place.told == []


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        # An updater that is newer than this agent.
        ({"cause": "stolen"}, "other"), ({"v": 2, "more": 1}, "unhealthy"),
        ({"from_version": "../x"}, None), ({"to_version": ""}, None), ({"to_version": "9" * 41}, None),
        ({"to_version": "1.0\n"}, None), ({"cause": "log", "more": "x" * 2000}, None),
    ],
)  # fmt: skip
def test_notes_of_others(place: Place, changed: dict[str, Any], told: str | None) -> None:
    place.leave(**changed)
    assert place.runs(looks) == (told is not None)
    assert [cause for *_, cause in place.told] == ([told] if told else [])


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'{"v": 1}', b"\xff" * 50, b"[" * 999])
def test_a_note_that_makes_no_sense(place: Place, content: bytes) -> None:
    place.note.write_bytes(content)
    assert not place.runs(looks)
    assert place.told == []


@pytest.mark.usefixtures("weights")
def test_a_running_agent_sees_it(place: Place, monkeypatch: pytest.MonkeyPatch, clip: Path) -> None:
    def frames(
        recording: Recording, view: Callable[[], View], now: Callable[[], Instant], stop: Event
    ) -> Iterator[Frame]:
        for frame in every_frame(recording, view, now, stop):
            if frame.index == 20:
                place.leave()
            yield frame

    monkeypatch.setattr(sources, "played_frames", frames)
    monkeypatch.setattr(run, "open_delivery", partial(delivery, failed_update=FailedUpdateFile(place.note)))
    config = load(write_config(place.folder, clip))
    run.run(config, lambda: config)
    assert place.told == [("agent", OLD, NEW, "unhealthy")]
