"""What is on the wire does not change for its readers without a new version of the contract."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest

from agent.wire.events import CONTRACT
from tests.wire import wire_form
from tests.wire.wire_form import COMMAND, differences, form, written_path

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Change = Callable[[Any], object]

WRITTEN = json.loads(written_path().read_text()) if written_path().exists() else None


def test_wire_form_is_as_written() -> None:
    path = written_path()
    if WRITTEN is None:
        pytest.fail(f"{CONTRACT} is not written down yet: run `{COMMAND}` and commit {path.name}")
    breaks, adds = differences(WRITTEN, form())
    if breaks:
        pytest.fail(
            f"this breaks those who read {CONTRACT}: {'; '.join(breaks)}. "
            "Take it back, or begin a new version: "
            "raise CONTRACT and `v` in agent/wire/base.py, "
            f"run `{COMMAND}` and say in the release notes that both sides must change"
        )
    if adds:
        pytest.fail(
            f"{CONTRACT} grew: {'; '.join(adds)}. If that is meant, run `{COMMAND}` and commit {path.name}"
        )


def renamed(form: Any) -> None:  # noqa: ANN401
    fields = form["payloads"]["event.zone.left"]["properties"]
    fields["stay_s"] = fields.pop("dwell_s")


def new_required(payload: str, name: str) -> Change:
    def change(form: Any) -> None:  # noqa: ANN401
        form["payloads"][payload]["properties"][name] = {"type": "string"}
        form["payloads"][payload]["required"].append(name)

    return change


def of(payload: str, key: str, change: Change) -> Change:
    return lambda form: change(form["payloads"][payload][key])


def field(name: str, change: Change) -> Change:
    payload, _, name = name.rpartition(":")
    return lambda form: change(form["payloads"][payload]["properties"][name])


def topic(name: str, change: Change) -> Change:
    return lambda form: change(form["topics"][name])


# What a hand may do to a model in passing, and what of it is told.
BREAKS: list[tuple[Change, str]] = [
    (renamed, "event.zone.left.dwell_s is gone"),
    (
        new_required("cmd.replay", "who"),
        "cmd.replay.who is new but required; what programs of before send does not have it",
    ),
    (
        new_required("health", "load_1m"),
        (
            "health.load_1m is new but required; what agents of before publish does not have it: "
            "let it be absent, `load_1m: ... | None = None`"
        ),
    ),
    (
        new_required("event.zone.left", "mood"),
        (
            "event.zone.left.mood is new but required; what is in logs already does not have it: "
            "let it be absent, `mood: ... | None`"
        ),
    ),
    (
        of("health", "required", lambda them: them.append("earlier_logs")),
        "health.earlier_logs is required now; what agents of before publish may not have it",
    ),
    (of("status", "properties", lambda them: them.pop("session")), "status.session is gone"),
    (of("info", "required", lambda them: them.remove("place")), "info.place is no longer required"),
    (of("event.agent.started", "required", lambda them: them.append("since")), "since is required now"),
    (field("event.line.crossed:confidence", lambda it: it.update(type="string")), "crossed.confidence was"),
    (field("event.line.crossed:confidence", lambda it: it.update(maximum=100)), "crossed.confidence was"),
    (field("event.line.crossed:direction", lambda it: it["enum"].remove("out")), "crossed.direction was"),
    (field("event.line.crossed:direction", lambda it: it["enum"].append("both")), "crossed.direction was"),
    (field("event.line.crossed:log", lambda it: it.update(pattern="^.*$")), "crossed.log was"),
    (field("event.line.crossed:v", lambda it: it.update(const=2)), "crossed.v was"),
    (
        field("event.line.day:periods", lambda it: it["items"]["properties"].pop("end")),
        "periods[].end is gone",
    ),
    (
        field("info:rules", lambda it: it["items"]["oneOf"][1]["properties"].pop("polygon")),
        "info.rules[] zone.polygon is gone",
    ),
    (field("info:rules", lambda it: it["items"]["oneOf"].pop()), "info.rules[] counter is gone"),
    (field("state.zone:count", lambda it: it["anyOf"].pop()), "state.zone.count was"),
    (lambda form: form["payloads"].pop("event.line.day"), "the payload event.line.day is gone"),
    (topic("status", lambda it: it.update(retain=False)), "retain of the topic status was True"),
    (topic("status", lambda it: it.update(qos=0)), "qos of the topic status was 1"),
    (
        topic("state", lambda it: it.update(address="presence/v1/{site}/{name}/now")),
        "address of the topic state",
    ),
    (topic("state", lambda it: it["messages"].remove("state.line")), "no longer carries state.line"),
    (lambda form: form["topics"].pop("replay"), "the topic replay is gone"),
]
ADDS: list[tuple[Change, str]] = [
    (lambda form: form["payloads"].update({"event.door.opened": {}}), "the payload event.door.opened is new"),
    (lambda form: form["topics"].update({"event.door.opened": {}}), "the topic event.door.opened is new"),
    (topic("replay", lambda it: it["messages"].append("event.door.opened")), "carries event.door.opened too"),
    (
        field("info:rules", lambda it: it["items"]["oneOf"][1]["properties"].update(colour={})),
        "info.rules[] zone.colour is new",
    ),
    (
        of("status", "properties", lambda them: them.update(battery={"type": "number"})),
        "status.battery is new",
    ),
]


@pytest.mark.parametrize(("change", "said"), BREAKS, ids=[said for _, said in BREAKS])
def test_change_breaks(change: Change, said: str) -> None:
    changed = deepcopy(form())
    change(changed)
    breaks, _ = differences(form(), changed)
    assert any(said in sentence for sentence in breaks), breaks


@pytest.mark.parametrize(("change", "said"), ADDS, ids=[said for _, said in ADDS])
def test_change_adds(change: Change, said: str) -> None:
    changed = deepcopy(form())
    change(changed)
    breaks, adds = differences(form(), changed)
    assert not breaks
    assert any(said in sentence for sentence in adds), adds


def test_nothing_changed() -> None:
    assert differences(form(), json.loads(json.dumps(form()))) == ([], [])


def test_command_writes_what_is_new_and_refuses_what_breaks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(wire_form, "FOLDER", tmp_path)
    path = wire_form.written_path()
    assert wire_form.main() == 0
    assert json.loads(path.read_text()) == form()
    older = form()
    del older["payloads"]["event.line.day"]
    path.write_text(json.dumps(older))
    assert wire_form.main() == 0
    assert json.loads(path.read_text()) == form()
    older["payloads"]["status"]["properties"]["mood"] = {"type": "string"}
    path.write_text(json.dumps(older))
    assert wire_form.main() == 1
    assert json.loads(path.read_text()) == older
    assert "breaks: status.mood is gone" in capsys.readouterr().out
