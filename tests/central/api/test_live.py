"""Live changes: what is said at first, what changes, whose it is, and what a slow client costs."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from threading import Timer
from time import monotonic
from typing import TYPE_CHECKING, Any

import httpx

from agent.central.api import live
from agent.central.api.application import ROOT
from agent.central.api.live import LiveStream
from agent.central.api.reading import ApiReading
from agent.central.database.store import DatabaseStore
from agent.central.receiver import Receiver
from tests.central.api.asking import Somebody, serving
from tests.central.saying import happened, make_state, make_status
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Generator

    import pytest
    from sqlalchemy.engine import URL

    from agent.mqtt.connection import Message


Told = tuple[str, str, dict[str, Any]]


def receive(url: URL, *messages: Message) -> None:
    with DatabaseStore(url) as store:
        Receiver(store).load().receive(messages)


def _listen(address: str, last: int | None) -> Generator[Told, None, None]:
    headers = {} if last is None else {"Last-Event-ID": str(last)}
    with httpx.stream("GET", f"{address}{ROOT}/live", headers=headers, timeout=PATIENCE_S) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        name = number = ""
        for line in answer.iter_lines():
            if line.startswith(":"):
                yield "", "", {}
            elif line.startswith("event: "):
                name, number = line.removeprefix("event: "), ""
            elif line.startswith("id: "):
                number = line.removeprefix("id: ")
            elif line.startswith("data: "):
                yield name, number, json.loads(line.removeprefix("data: "))


def listen(address: str, last: int | None = None) -> closing[Generator[Told, None, None]]:
    """Each message: its name, id and data; a heartbeat's name is empty."""
    return closing(_listen(address, last))


def test_changes_come_as_they_are_stored(store: URL) -> None:
    with serving(store) as address, listen(address) as stream:
        name, number, data = next(stream)
        assert (name, data) == ("hello", {"n": int(number)})
        receive(store, make_status(3), make_state(count=4), *happened(1, 2, 3))
        state = next(stream)
        assert (state[0], state[2]["site"], state[2]["rule"]) == ("state", "que-phong", "waiting")
        assert state[2]["value"] == {"kind": "zone", "count": 4}
        arrived = next(stream)
        assert arrived == ("events", str(data["n"] + 3), {"n": data["n"] + 3})
        receive(store, make_state(valid=False, why="covered", count=None))
        covered = next(stream)
        assert (covered[2]["value"], covered[2]["why"]["value"]) == (None, "covered")
        # Who comes again says what it had.
        with listen(address, data["n"]) as again:
            assert next(again)[2] == {"n": data["n"] + 3, "after": data["n"]}


def test_however_many_come_at_once_one_looks(store: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[float] = []
    newest = ApiReading.newest

    def counted(reading: ApiReading) -> int:
        looks.append(monotonic())
        return newest(reading)

    monkeypatch.setattr(ApiReading, "newest", counted)
    monkeypatch.setattr(live, "_HEARTBEAT_S", 3.5)
    with serving(store) as address, ExitStack() as stack, ThreadPoolExecutor(8) as pool:
        streams = list(pool.map(lambda _: stack.enter_context(listen(address)), range(8)))
        assert {name for name, _, _ in pool.map(next, streams)} == {"hello"}
        assert {name for name, _, _ in pool.map(next, streams)} == {""}
    assert len(looks) <= 6, "once for all, then once a second"


def test_a_caller_hears_of_its_own_sites_alone(store: URL) -> None:
    with serving(store, Somebody(frozenset({"office-001"}))) as address, listen(address) as stream:
        _, _, data = next(stream)
        receive(store, make_status(4), make_state(count=9), *happened(4))
        assert [next(stream)[0] for _ in range(1)] == ["events"], data


def test_a_stream_ends_with_the_right_to_it(store: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "_HEARTBEAT_S", 0.3)
    somebody = Somebody()
    with serving(store, somebody) as address, listen(address) as stream:
        assert next(stream)[0] == "hello"
        assert next(stream)[0] == ""
        Timer(0.2, lambda: setattr(somebody, "valid", False)).start()
        names = [name for name, _, _ in stream]
    assert names[-1] == "end"


def test_no_more_streams_than_there_may_be(store: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "MOST_STREAMS", 1)
    with serving(store) as address, listen(address) as stream:
        assert next(stream)[0] == "hello"
        refused = httpx.get(f"{address}{ROOT}/live")
        assert (refused.status_code, refused.headers["content-type"]) == (503, "application/problem+json")
        assert refused.headers["retry-after"]


def test_a_slow_client_costs_bounded_memory_and_is_told() -> None:
    stream = LiveStream(Somebody())
    for number in range(10_000):
        stream.put(live.message("events", {"n": number}, number))
        assert len(stream.waiting) <= 256
    assert stream.take() == [live.message("resync", {})]
    stream.put("x")
    assert stream.take() == ["x"]
    assert stream.take() == []
