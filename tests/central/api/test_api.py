"""API v1 over a real server and both databases: rights, problems, ETags, cursors, what is not known."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from agent.central.database.store import DatabaseStore
from agent.central.messages import EventMessage, parse
from agent.central.moments import ms_of
from agent.central.receiver import Receiver
from agent.mqtt.connection import Message
from tests.central.api.asking import Somebody, asking, pages, serving
from tests.central.saying import happened, make_status

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

LISTS = ("/sites", "/places", "/state", "/devices")
PAGES = ("/events", "/quarters", "/days")
ONE = "office-001"


def receive(url: URL, *messages: Message) -> None:
    with DatabaseStore(url) as store:
        Receiver(store).load().receive(messages)


def test_places_are_what_their_devices_say(store: URL) -> None:
    with asking(store) as client:
        assert client.get("/sites").json() == [
            {"site": site, "places": ["corridor", "gate", "one-stop", "parking", "reception"]}
            for site in (ONE, "office-002")
        ]
        places = client.get("/places", params={"site": ONE}).json()
    gate = next(place for place in places if place["place"] == "gate")
    assert gate["label"] == "Cổng chính"
    assert gate["timezone"] == "Asia/Ho_Chi_Minh"
    assert gate["rules"] == [
        {"rule": "staff", "kind": "line", "used_by": "staff"},
        {"rule": "main", "kind": "line", "used_by": "everybody"},
    ]
    assert gate["hours"][0]["periods"] == [["07:30", "11:30"], ["13:30", "17:00"]]
    assert all(place["why"] == {} for place in places)


def test_devices_and_states_are_known_while_they_are_heard(store: URL) -> None:
    with asking(store) as client:
        devices = client.get("/devices").json()
        states = client.get("/state").json()
    online = {(one["site"], one["place"]) for one in devices if one["state"] == "online"}
    assert len(devices) == 10
    assert {one["missing"] for one in devices} == {0}
    for one in devices:
        told = ("verdict", "reasons", "temp_c", "disk_free_mb")
        assert {one["why"].get(name) for name in told if one[name] is None} <= {"silent"}
    assert len(states) == 26
    for state in states:
        assert (state["value"] is None) == ("value" in state["why"])
        if (state["site"], state["place"]) not in online:
            assert state["value"] is None


@pytest.mark.parametrize("path", [*LISTS, *PAGES])
def test_a_caller_sees_its_own_sites_alone(store: URL, path: str) -> None:
    with asking(store, Somebody(frozenset({ONE}))) as client:
        found = client.get(path).json()
        items = found if isinstance(found, list) else found["items"]
        assert {item["site"] for item in items} == {ONE}
        if path != "/sites":
            refused = client.get(path, params={"site": "office-002"})
            assert refused.status_code == 403
            # Whether there is such a site is not told.
            assert client.get(path, params={"site": "nowhere"}).json() == refused.json()
    with asking(store, Somebody(frozenset())) as client:
        found = client.get(path).json()
        assert (found if isinstance(found, list) else found["items"]) == []


@pytest.mark.parametrize(
    ("path", "query", "named"),
    [
        ("/events", {"after": "-1"}, "after"),
        ("/events", {"after": "x"}, "after"),
        ("/events", {"limit": "0"}, "limit"),
        ("/events", {"limit": "2001"}, "limit"),
        ("/events", {"type": "x';--"}, "pattern"),
        ("/places", {"site": "../etc"}, "site"),
        ("/quarters", {"after": "1:2"}, "after: give the `next`"),
        ("/quarters", {"start": "2026-11-22T00:00:00"}, "with its zone"),
        ("/days", {"changed_after": "yesterday"}, "changed_after: give the `next`"),
        ("/days", {"first": "2026-13-01"}, "first"),
    ],
)
def test_what_can_not_be_is_a_problem_document(
    store: URL, path: str, query: dict[str, str], named: str
) -> None:
    with asking(store) as client:
        answer = client.get(path, params=query)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert set(problem) == {"type", "title", "status", "detail"}
    assert problem["status"] == 422
    assert named in problem["detail"]


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nothing", 404), ("POST", "/events", 405)])
def test_other_addresses_are_problem_documents_too(store: URL, method: str, path: str, status: int) -> None:
    with asking(store) as client:
        answer = client.request(method, path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


@pytest.mark.parametrize("path", ["/sites", "/places", "/events", "/quarters", "/days"])
def test_what_has_not_changed_is_not_sent_again(store: URL, path: str) -> None:
    with asking(store) as client:
        first = client.get(path)
        etag = first.headers["etag"]
        again = client.get(path, headers={"If-None-Match": etag})
        among = client.get(path, headers={"If-None-Match": f'"x", W/{etag}'})
        other = client.get(path, headers={"If-None-Match": '"x"'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    assert among.status_code == 304
    assert (other.status_code, other.content) == (200, first.content)


@pytest.mark.parametrize(
    ("path", "cursor"), [("/events", "after"), ("/quarters", "after"), ("/days", "changed_after")]
)
@pytest.mark.parametrize("limit", [1, 7, 2000])
def test_pages_together_are_the_whole(store: URL, path: str, cursor: str, limit: int) -> None:
    wide: dict[str, Any] = {"site": ONE, "place": "gate", "limit": limit}
    if limit == 1:
        wide["rule"] = "staff"
    with asking(store) as client:
        some = list(pages(client, path, cursor, **wide))
        whole = list(pages(client, path, cursor, **wide | {"limit": 1999}))
    assert some == whole
    assert some


def test_arrivals_do_not_disturb_a_cursor(store: URL) -> None:
    with asking(store) as client:
        first = client.get("/events", params={"limit": 3}).json()
        end = list(pages(client, "/events", "after", after=first["next"]))[-1]["n"]
        days = list(pages(client, "/days", "changed_after"))
        at_end = client.get("/days", params={"limit": 2000}).json()
        receive(store, make_status(2), *happened(1, 2))
        later = client.get("/events", params={"after": end}).json()
        assert [item["n"] for item in later["items"]] == [end + 1, end + 2]
        assert (later["more"], later["next"]) == (False, end + 2)
        assert client.get("/events", params={"limit": 3}).json() == first | {"more": True}
        # A late figure changes a day of before: it comes again, alone.
        old = days[0]
        receive(store, changed(old))
        changes = client.get("/days", params={"changed_after": at_end["next"]}).json()["items"]
    assert [(item["date"], item["rule"], item["corrected"]) for item in changes] == [
        (old["date"], old["rule"], True)
    ]


def test_a_clock_that_stepped_back_hides_no_change(store: URL) -> None:
    """What comes while the centre's clock is an hour behind what it was comes after what a program has."""
    with asking(store) as client:
        at_end = client.get("/days", params={"limit": 2000}).json()
        days = at_end["items"]
        with DatabaseStore(store) as kept:
            for number, one in enumerate(days[:2]):
                message = parse(changed(one, 1 + number))
                assert isinstance(message, EventMessage)
                with kept.transaction():
                    kept.put_events([message], ms_of(one["changed"]) - 3_600_000 * (1 + number))
        changes = client.get("/days", params={"changed_after": at_end["next"]}).json()["items"]
    assert [item["date"] for item in changes] == [one["date"] for one in days[:2]]
    assert all(item["corrected"] for item in changes)


def changed(day: dict[str, Any], seq: int = 1) -> Message:
    """A day once more, by a later event of another log."""
    body = {
        "v": 1, "log": "0000abcd", "seq": seq, "id": f"0000abcd/{seq}", "type": f"{day['kind']}.day",
        "ts": "2030-01-01T00:00:00.000Z", "clock": "synced", "site": day["site"], "device": day["place"],
        "rule": day["rule"], "date": day["date"], "length_s": 86400.0, "blind_s": 1.0,
        "in": 1, "out": 1, "periods": [], "visits": 1, "occupied_s": 1.0, "max": 1,
        "attended_s": 1.0, "unattended_s": 0.0, "longest_unattended_s": 0.0,
    }  # fmt: skip
    topic = f"presence/v1/{day['site']}/{day['place']}/event/{day['rule']}/{day['kind']}/day"
    return Message(topic, json.dumps(body))


def test_what_a_device_says_is_data(store: URL) -> None:
    root = "presence/v1/hostile/one"
    label = "<script>alert(1)</script>\r\n=HYPERLINK('x')\u202e"
    info = {
        "v": 1, "log": "5f3a9c21", "session": "c01dbeef", "ts": "2026-11-22T00:31:05.120Z", "site": "hostile",
        "device": "one", "place": label, "timezone": "../../etc/passwd", "versions": [], "rules": {"a": 1},
        "hours": [{"days": 5}],
    }  # fmt: skip
    state = {
        "v": 1, "kind": "zone", "rule": "z", "valid": True, "why": None, "count": "many", "since": "never",
        "ts": "2026-11-22T00:31:05.120Z", "seq": 1, "log": "5f3a9c21", "session": "c01dbeef",
    }  # fmt: skip
    status = {
        "v": 1, "state": "online", "why": None, "log": "5f3a9c21", "session": "c01dbeef", "first_seq": 1,
        "last_seq": 1, "ts": "2026-11-22T00:31:05.120Z",
    }  # fmt: skip
    receive(
        store,
        Message(f"{root}/info", json.dumps(info)),
        Message(f"{root}/state/z", json.dumps(state)),
        Message(f"{root}/status", json.dumps(status)),
    )
    with asking(store) as client:
        (place,) = client.get("/places", params={"site": "hostile"}).json()
        (told,) = client.get("/state", params={"site": "hostile"}).json()
        (device,) = client.get("/devices", params={"site": "hostile"}).json()
    assert place["label"] == label
    assert (place["timezone"], place["rules"], place["hours"]) == (None, None, None)
    assert place["why"] == dict.fromkeys(("timezone", "rules", "hours"), "no_info")
    assert (told["value"], told["since"], told["utc_offset"]) == (None, None, None)
    assert set(told["why"]) == {"value", "since", "utc_offset"}
    assert (device["version"], device["verdict"], device["missing"]) == (None, None, 1)
    assert {"version", "verdict", "reasons", "temp_c"} <= set(device["why"])


def test_metrics_are_for_prometheus(store: URL) -> None:
    with serving(store) as address:
        answer = httpx.get(f"{address}/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    lines = answer.text.splitlines()
    assert any(line.startswith('presence_devices{site="office-001",state="') for line in lines)
    assert any(line.startswith("presence_newest_event ") for line in lines)
    assert 'presence_missing_events{place="gate",site="office-001"} 0.0' in lines


def test_a_store_that_is_away_is_a_problem(store: URL, tmp_path_factory: pytest.TempPathFactory) -> None:
    gone = store.set(
        drivername="sqlite", host=None, port=None, username=None,
        database=str(tmp_path_factory.mktemp("gone") / "no.db"),
    )  # fmt: skip
    with asking(gone) as client:
        answer = client.get("/sites")
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
    assert "no.db" not in answer.text
