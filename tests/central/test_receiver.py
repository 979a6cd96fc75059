"""What is kept, asked for and told; on real files, with a clock that the test sets."""

from __future__ import annotations

import json
import sqlite3
import time
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from agent.central import receiver as receiver_module
from agent.central.overview import overview, table
from agent.central.receiver import Receiver
from agent.central.store import Store
from agent.errors import BusyError, LogError
from agent.mqtt.connection import Message
from tests.central.saying import (
    AGENT,
    LOG,
    ROOT,
    dropped,
    happened,
    make_body,
    make_done,
    make_health,
    make_state,
    make_status,
    make_will,
)
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.central.stores import Backend, Rows

OLD = "0000aaaa"


class Central:
    """A receiver with its store, at a time of the test's."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.now_s = 1000.0
        self.open()

    def open(self) -> None:
        self.store = self.backend.store()
        self.store.__enter__()
        self.receiver = Receiver(self.store, settle_s=3.0).load()

    def close(self) -> None:
        self.store.__exit__()

    def take(self, *messages: Message | Sequence[Message]) -> None:
        self.receiver.receive(
            [part for given in messages for part in ([given] if isinstance(given, Message) else given)]
        )

    def asked(self, after_s: float = 0.0) -> list[dict[str, Any]]:
        """What is asked for now; looked at twice a second, as the real one does more often."""
        asked = []
        for step in range(int(after_s * 2) + 1):
            self.now_s += 0.5 if step else 0.0
            for message in self.receiver.next_requests():
                assert message.topic == f"{ROOT}/cmd/replay"
                assert not message.retain
                asked.append(json.loads(message.payload))
        return asked

    def asked_next(self, within_s: float = PATIENCE_S) -> dict[str, Any]:
        """The next request."""
        for _ in range(int(within_s * 2)):
            if asked := self.asked(0.5):
                return asked[0]
        raise AssertionError("nothing is asked for")

    def rows(self, query: str, values: Sequence[object] = ()) -> Rows:
        return self.backend.execute(query, values)

    def seen(self) -> dict[str, Any]:
        with self.backend.reader() as reading:
            return overview(reading)

    def seqs(self, log: str = LOG) -> list[int]:
        rows = self.rows("SELECT seq FROM event WHERE log = ? ORDER BY seq", [log])
        return [seq for (seq,) in rows]

    def log(self, log: str = LOG) -> dict[str, Any]:
        (found,) = (of for agent in self.seen()["agents"] for of in agent["logs"] if of["log"] == log)
        assert isinstance(found, dict)
        return found

    def known(self) -> dict[str, bool]:
        with self.backend.reader() as reading:
            return {state.rule: state.why is None for state in reading.states_now()}

    def refused(self) -> dict[str, int]:
        refused = Counter[str]()
        for row in self.seen()["refused"]:
            refused[row["why"]] += row["times"]
        return dict(refused)


@pytest.fixture
def central(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> Iterator[Central]:
    made = Central(backend)
    monkeypatch.setattr(receiver_module, "monotonic", lambda: made.now_s)
    yield made
    made.close()


# --- what is kept ------------------------------------------------------------------------------------


def test_events_are_kept_as_they_came(central: Central) -> None:
    late = Message(happened(2)[0].topic, json.dumps({**make_body(2), "late": True}))
    central.take(happened(1), late)
    rows = central.rows("SELECT n, agent, log, seq, type, rule, late, body FROM event ORDER BY n")
    assert rows == [
        (1, AGENT, LOG, 1, "zone.entered", "waiting", 0, happened(1)[0].payload),
        (2, AGENT, LOG, 2, "zone.entered", "waiting", 1, late.payload),
    ]


def test_doubles_are_dropped_and_the_first_stays(central: Central) -> None:
    central.take(happened(1, 2, 2))
    again = Message(happened(1)[0].topic, json.dumps({**make_body(1), "late": True}))
    central.take(again, happened(2, 3))
    assert central.seqs() == [1, 2, 3]
    assert central.log()["doubles"] == 3
    assert central.rows("SELECT late FROM event WHERE seq = 1") == [(0,)]


def test_doubles_are_known_after_a_start_and_after_rows_were_deleted(central: Central) -> None:
    central.take(happened(*range(1, 11)))
    central.rows("DELETE FROM event WHERE seq <= 5")
    central.close()
    central.open()
    central.take(happened(*range(1, 12)))
    # An integrator may clear away what it has read; that does not come again.
    assert central.seqs() == list(range(6, 12))
    assert central.log()["stored"] == 11


def test_same_log_id_of_two_agents(central: Central) -> None:
    other = json.dumps({**make_body(1), "device": "other"})
    central.take(happened(1), Message("presence/v1/que-phong/other/event/waiting/zone/entered", other))
    assert central.rows("SELECT agent, seq FROM event ORDER BY agent") == [
        (AGENT, 1),
        ("que-phong/other", 1),
    ]


def test_store_fails_and_nothing_of_the_batch_is_kept(central: Central) -> None:
    central.take(happened(1))
    with central.backend.full(), pytest.raises(LogError, match="full"):
        central.take(happened(2, 3), make_status(3))
    central.receiver.load()
    assert central.seqs() == [1]
    assert central.rows("SELECT * FROM agent") == []
    # It comes again, for it was not acknowledged.
    central.take(happened(2, 3), make_status(3))
    assert central.seqs() == [1, 2, 3]
    assert central.log()["complete"]
    assert central.log()["doubles"] == 0


def test_store_in_use(central: Central) -> None:
    with pytest.raises(BusyError, match="already stores to"), central.backend.store():
        pass
    assert central.seen() == {"agents": [], "refused": []}


def test_store_of_others(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE event (n)")
    other.close()
    for reading in (False, True):
        refused = Store(path, reading=reading)
        with pytest.raises(LogError, match="not a store"), refused:
            pass
        # Nothing is left open, of which Python 3.13 warns.
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            refused.db.execute("SELECT 1")
    (tmp_path / "text").write_text("no database at all " * 100)
    with pytest.raises(LogError, match="move it away"), Store(tmp_path / "text"):
        pass
    with pytest.raises(LogError), Store(tmp_path / "absent.db", reading=True):
        pass
    with pytest.raises(LogError), Store(tmp_path / "nowhere" / "central.db"):
        pass


# --- what is asked for -------------------------------------------------------------------------------


def test_gap_is_asked_for_after_a_while(central: Central) -> None:
    central.take(make_status(0), happened(1, 2, 5, 6))
    assert central.asked(2.5) == []
    (asked,) = central.asked(1)
    assert {**asked, "request": ""} == {"log": LOG, "from_seq": 3, "to_seq": 4, "request": ""}
    # One request at a time.
    assert central.asked(5) == []
    central.take(happened(3, 4, replay=asked["request"]), make_done(asked["request"], 2, 3, 4))
    assert central.seqs() == [1, 2, 3, 4, 5, 6]
    assert central.asked(60) == []
    assert central.log() == {
        "log": LOG, "now": True, "first_seq": 1, "last_seq": 0, "stored": 6, "dropped": 0, "gone": 0,
        "missing": 0, "gaps": [], "doubles": 0, "asked": 1, "replayed": 2, "complete": False,
    }  # fmt: skip
    central.take(make_health(6))
    assert central.receiver.complete(LOG)


@pytest.mark.parametrize("told", [make_status(4), make_health(4)])
def test_end_is_asked_for(central: Central, told: Message) -> None:
    central.take(make_status(0), told, happened(1, 2))
    (asked,) = central.asked(4)
    assert (asked["from_seq"], asked["to_seq"]) == (3, 4)
    assert not central.receiver.complete(LOG)


def test_backlog_that_fills_the_gap_is_not_asked_for(central: Central) -> None:
    central.take(make_status(1000), happened(1000))
    for seq in range(1, 1000):
        central.take(happened(seq))
        assert central.asked(1) == []
    assert central.asked(30) == []
    assert central.receiver.complete(LOG)


def test_what_a_backlog_leaves_out_is_asked_for_beside_it(central: Central) -> None:
    central.take(make_status(1000))
    asked = []
    for seq in range(1, 28):
        if seq != 20:
            central.take(happened(seq))
            asked += central.asked(1)
    assert [(one["from_seq"], one["to_seq"]) for one in asked] == [(20, 20)]


def test_long_gap_is_asked_for_in_parts_without_waiting(central: Central) -> None:
    central.take(make_status(2500))
    asking = central.asked(4)
    parts = []
    while asking:
        (asked,) = asking
        parts.append((asked["from_seq"], asked["to_seq"]))
        seqs = range(asked["from_seq"], asked["to_seq"] + 1)
        central.take(
            happened(*seqs, replay=asked["request"]),
            make_done(asked["request"], len(seqs), seqs[0], seqs[-1]),
        )
        asking = central.asked()
    assert parts == [(1, 1000), (1001, 2000), (2001, 2500)]
    assert central.receiver.complete(LOG)


def test_offline_agent_is_not_asked(central: Central) -> None:
    central.take(make_status(5), make_will())
    assert central.asked(60) == []
    central.take(make_status(5, session="00000002"))
    assert len(central.asked(4)) == 1


def test_no_answer(central: Central) -> None:
    central.take(make_status(5))
    times = [central.now_s for _ in range(1200) if central.asked(0.5)]
    pauses = [after - before for before, after in pairwise(times)]
    # Each time the answer is awaited for 10 s, and the pause after it is longer.
    assert len(times) >= 4
    assert all(10 < pause <= 10 + 1 + 2 * 2**number for number, pause in enumerate(pauses))
    # Nothing is given up, and a new connection of the agent is asked at once.
    assert central.log()["missing"] == 5
    central.take(make_status(5, session="00000002"))
    assert len(central.asked(0)) == 1


def test_slow_answer_is_waited_for(central: Central) -> None:
    central.take(make_status(20))
    (asked,) = central.asked(4)
    for seq in range(1, 21):
        assert central.asked(8) == []
        central.take(happened(seq, replay=asked["request"]))
    central.take(make_done(asked["request"], 20, 1, 20))
    assert central.log()["asked"] == 1
    assert central.receiver.complete(LOG)


def test_answer_that_arrives_in_part_is_asked_for_again(central: Central) -> None:
    central.take(make_status(6))
    (asked,) = central.asked(4)
    central.take(happened(1, 2, 4, replay=asked["request"]), make_done(asked["request"], 6, 1, 6))
    (asked,) = central.asked(4)
    assert (asked["from_seq"], asked["to_seq"]) == (3, 3)
    assert central.log()["gone"] == 0


def test_answer_of_an_earlier_request(central: Central) -> None:
    central.take(make_status(3))
    (asked,) = central.asked(4)
    central.take(happened(1, 2, replay="somebodys"), make_done("somebodys", 2, 1, 2))
    # What it brings is kept; it says nothing about what was asked.
    assert central.seqs() == [1, 2]
    assert central.log()["gone"] == 0
    assert central.refused() == {"not asked for": 1}
    central.take(happened(3, replay=asked["request"]), make_done(asked["request"], 3, 1, 3))
    assert central.receiver.complete(LOG)


# --- what never comes --------------------------------------------------------------------------------


def test_dropped_events_are_not_asked_for(central: Central) -> None:
    central.take(make_status(8), happened(1, 2), dropped(6, 3, 5), happened(7, 8))
    assert central.asked(30) == []
    seen = central.log()
    assert (seen["stored"], seen["dropped"], seen["gone"], seen["missing"]) == (5, 3, 0, 0)
    assert central.receiver.complete(LOG)


def test_dropped_event_that_came_before_is_stored(central: Central) -> None:
    central.take(make_status(6), happened(1, 2, 3), dropped(6, 3, 5))
    seen = central.log()
    assert (seen["stored"], seen["dropped"], seen["missing"]) == (4, 2, 0)


def test_deleted_events_are_gone(central: Central) -> None:
    central.take(happened(1, 2), make_status(12, first_seq=11), happened(11, 12))
    seen = central.log()
    assert (seen["stored"], seen["gone"], seen["missing"]) == (4, 8, 0)
    assert central.asked(30) == []
    # One was on its way.
    central.take(happened(5))
    assert (central.log()["stored"], central.log()["gone"]) == (5, 7)


def test_first_sight_of_an_old_log(central: Central) -> None:
    central.take(make_status(5000, first_seq=4001))
    (asked,) = central.asked(4)
    assert (asked["from_seq"], asked["to_seq"]) == (4001, 5000)
    assert central.log()["gone"] == 4000


def test_events_that_the_agent_should_have_are_not_given_up_at_once(central: Central) -> None:
    central.take(make_status(3), happened(1, 3))
    for times in range(3):
        assert central.log()["gone"] == 0, times
        asked = central.asked_next()
        central.take(make_done(asked["request"], 0))
    assert central.log()["gone"] == 1
    assert central.receiver.complete(LOG)


def test_busy_agent_is_asked_again_and_nothing_is_given_up(central: Central) -> None:
    # Of its present log, and of one that it had before, which no status tells about.
    central.take(happened(1, log=OLD), make_status(3), happened(1, 3))
    moments = []
    for _ in range(8):
        asked = central.asked_next(200)
        moments.append(central.now_s)
        central.take(make_done(asked["request"], 0, refused="busy"))
    assert central.log()["gone"] == 0
    pauses = [after - before for before, after in pairwise(moments)]
    assert all(pause >= 2**number for number, pause in enumerate(pauses))
    asked = central.asked_next(400)
    central.take(happened(2, replay=asked["request"]), make_done(asked["request"], 1, 2, 2))
    assert central.asked_next(400)["log"] == OLD
    central.take(make_done(asked["request"], 0, refused="busy"))
    assert not central.receiver.complete(OLD)
    assert central.asked_next(700)["log"] == OLD


def test_replayed_event_that_cannot_be_taken(central: Central) -> None:
    """It must not be asked for for ever."""
    central.take(make_status(1))
    for _ in range(3):
        asked = central.asked_next()
        topic = f"{ROOT}/replay/{asked['request']}"
        central.take(
            Message(topic, json.dumps(make_body(1, type="no type"))), make_done(asked["request"], 1, 1, 1)
        )
    assert central.log()["gone"] == 1
    assert central.refused() == {"type": 3}


def test_older_log_is_asked_too(central: Central) -> None:
    central.take(make_status(4, log=OLD), happened(1, 2, 4, log=OLD), make_status(1), happened(1))
    (asked,) = central.asked(4)
    assert (asked["log"], asked["from_seq"], asked["to_seq"]) == (OLD, 3, 3)
    central.take(happened(3, log=OLD, replay=asked["request"]), make_done(asked["request"], 1, 3, 3))
    # Nothing tells of its end any more, so that is asked for until there is none.
    (asked,) = central.asked(4)
    assert (asked["log"], asked["from_seq"]) == (OLD, 5)
    central.take(happened(5, log=OLD, replay=asked["request"]), make_done(asked["request"], 1, 5, 5))
    (asked,) = central.asked(4)
    assert (asked["log"], asked["from_seq"]) == (OLD, 6)
    central.take(make_done(asked["request"], 0))
    assert central.asked(600) == []
    assert central.seqs(OLD) == [1, 2, 3, 4, 5]
    assert central.log(OLD)["missing"] == central.log(OLD)["gone"] == 0
    # The agent comes back to it, and leaves it again.
    central.take(make_status(5, log=OLD, session="00000002"))
    asked = central.asked_next()
    assert (asked["log"], asked["from_seq"]) == (LOG, 2)
    central.take(make_done(asked["request"], 0), make_status(1, session="00000003"))
    assert central.asked_next()["log"] == OLD


def test_older_log_nothing_came_of_is_asked_for(central: Central) -> None:
    # Begun and left while nobody listened, and forgotten by the broker.
    central.take(make_status(1), happened(1))
    central.take(make_health(1, earlier_logs=[{"log": OLD, "last_seq": 2}]))
    asked = central.asked_next()
    assert (asked["log"], asked["from_seq"]) == (OLD, 1)
    central.take(happened(1, 2, log=OLD, replay=asked["request"]), make_done(asked["request"], 2, 1, 2))
    central.take(make_done(central.asked_next()["request"], 0))
    assert central.seqs(OLD) == [1, 2]
    assert central.receiver.complete(OLD)


def test_older_log_that_the_agent_has_not_any_more(central: Central) -> None:
    central.take(make_status(4, log=OLD), happened(1, 2, log=OLD), make_status(1), happened(1))
    (asked,) = central.asked(4)
    assert (asked["from_seq"], asked["to_seq"]) == (3, 4)
    central.take(make_done(asked["request"], 0))
    assert (central.log(OLD)["gone"], central.log(OLD)["missing"]) == (2, 0)
    # Whether there were more is not known yet.
    assert not central.receiver.complete(OLD)
    central.take(make_done(central.asked_next()["request"], 0))
    assert central.receiver.complete(OLD)
    central.close()
    central.open()
    assert central.receiver.complete(OLD)
    assert central.asked(30) == []


def test_store_is_read_as_it_was_at_one_moment(central: Central) -> None:
    central.take(happened(1), make_status(1))
    with central.backend.reader() as reading:
        before = overview(reading)
        central.take(happened(1, log=OLD), make_status(5))
        assert overview(reading) == before


# --- states ------------------------------------------------------------------------------------------


def test_state_is_known_while_the_agent_is_there(central: Central) -> None:
    central.take(make_state(), make_state("gate", kind="line", in_count=1))
    assert central.known() == {"waiting": False, "gate": False}
    central.take(make_status(1))
    assert central.known() == {"waiting": True, "gate": True}
    central.take(make_will())
    assert central.known() == {"waiting": False, "gate": False}
    # Another connection: each state is said again.
    central.take(make_state(session="00000002"), make_status(1, session="00000002"))
    assert central.known() == {"waiting": True, "gate": False}
    central.take(Message(f"{ROOT}/state/gate", "", retain=True))
    assert central.known() == {"waiting": True}


@pytest.mark.parametrize("other", [{"valid": False}, {"session": "00000002"}, {"log": OLD}])
def test_state_is_unknown(central: Central, other: dict[str, Any]) -> None:
    central.take(make_status(1), make_state(**other))
    assert central.known() == {"waiting": False}
    assert "unknown" in table(central.seen())


def test_state_of_a_silent_agent_is_unknown(central: Central) -> None:
    central.take(make_status(1, retain=True), make_state(), make_health(1, retain=True))
    # Both are from long ago.
    assert central.known() == {"waiting": False}
    central.take(make_health(1))
    assert central.known() == {"waiting": True}
    long_ago_ms = (time.time() - 181) * 1000
    central.rows("UPDATE agent SET heard_ms = ?", [int(long_ago_ms)])
    assert central.known() == {"waiting": False}


def test_table(central: Central) -> None:
    central.take(make_status(9), happened(1, 2, 5), make_state(), Message(f"{ROOT}/status", "junk"))
    lines = table(central.seen()).splitlines()
    assert lines[1].split() == [AGENT, "online", LOG, "9", "3", "0", "0", "6", "3–4", "6–9"]
    assert lines[4].split(maxsplit=3) == [AGENT, "waiting", "zone", "count 2"]
    assert lines[6] == f"not taken: {AGENT} no JSON 1"
    assert table(central.seen()).isprintable() or "\n" in table(central.seen())


def test_silence_of_all_is_told(central: Central) -> None:
    assert "nothing was stored" not in table(central.seen())
    central.take(make_status(1), Message("presence/v1/que-phong/other/status", make_status(1).payload))
    long_ago_ms = (time.time() - 7 * 60) * 1000
    central.rows("UPDATE agent SET heard_ms = ? WHERE agent = ?", [int(long_ago_ms), AGENT])
    assert "nothing was stored" not in table(central.seen())
    central.rows("UPDATE agent SET heard_ms = ?", [int(long_ago_ms)])
    assert "nothing was stored for 7 minutes" in table(central.seen())
    # Who is offline says nothing, and need not.
    central.rows("UPDATE agent SET state = 'offline'")
    assert "nothing was stored" not in table(central.seen())


# --- too much ----------------------------------------------------------------------------------------


def test_too_many_logs_and_rules(central: Central, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiver_module, "_MOST_LOGS", 3)
    monkeypatch.setattr(receiver_module, "_MOST_RULES", 2)
    monkeypatch.setattr(receiver_module, "_MOST_AGENTS", 1)
    central.take(*(happened(1, log=f"0000000{n}") for n in range(5)))
    central.take(*(make_state(f"r{n}") for n in range(4)))
    central.take(make_state("r0"))
    central.take(Message("presence/v1/que-phong/other/status", make_status(1).payload))
    assert central.refused() == {"too many": 2 + 2 + 1}
    assert len(central.rows("SELECT * FROM log")) == 3
    assert sorted(central.known()) == ["r0", "r1"]


PAYLOADS = [message.payload for message in (make_status(3), make_health(3), *happened(1))]
junk = st.tuples(
    st.sampled_from(["event/waiting/zone/entered", "status", "health", "state/a", "replay/r"]),
    st.text(max_size=60) | st.sampled_from(PAYLOADS),
    st.booleans(),
)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(junk, max_size=20))
@example([("state/a", "", False)])
@example([("info", "", True)])
@example([("state/waiting", make_state("waiting").payload, True)])
@example([("state/waiting", make_state("waiting").payload, True), ("state/waiting", "", True)])
def test_anything_may_come(central: Central, sent: list[tuple[str, str, bool]]) -> None:
    before = sum(central.refused().values())
    central.take([Message(f"{ROOT}/{topic}", text, retain) for topic, text, retain in sent])
    assert sum(central.refused().values()) <= before + len(sent)
    # The store says the same as the memory.
    assert central.store.load() == central.receiver.agents


def test_huge_numbers_take_no_room(central: Central) -> None:
    central.take(make_status(2**53), happened(1, 2**53))
    (asked,) = central.asked(4)
    assert (asked["from_seq"], asked["to_seq"]) == (2, 1001)
    assert central.log()["missing"] == 2**53 - 2
