from __future__ import annotations

import json
import re
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from paho.mqtt.publish import single

from agent.app.watch import watched
from agent.errors import ConfigError, DeliveryError
from agent.mqtt import subscriber
from agent.mqtt.connection import Broker
from agent.mqtt.subscriber import broker_from_url
from tests.conftest import Mosquitto, free_port, wait_until
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = "presence/v1/que-phong/one-stop"
INFO = {"place": "Bộ phận một cửa", "timezone": "Asia/Ho_Chi_Minh"}
HEAD = {"v": 1, "ts": "2026-11-22T00:31:05.120Z", "rule": "gate"}


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "en_GB.UTF-8")


# --- addresses ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("mqtt://broker.example", Broker("broker.example", 1883, 5, tls=False)),
        ("mqtt://broker.example/", Broker("broker.example", 1883, 5, tls=False)),
        ("mqtts://broker.example", Broker("broker.example", 8883, 5, tls=True)),
        ("mqtt://broker.example:77", Broker("broker.example", 77, 5, tls=False)),
        ("mqtts://broker.example:65535", Broker("broker.example", 65535, 5, tls=True)),
        ("MQTTS://Broker.Example:8883", Broker("broker.example", 8883, 5, tls=True)),
        ("mqtt://127.0.0.1:1884", Broker("127.0.0.1", 1884, 5, tls=False)),
        ("mqtt://[::1]:1884", Broker("::1", 1884, 5, tls=False)),
        ("mqtts://central@broker.example", Broker("broker.example", 8883, 5, tls=True, username="central")),
        # The names of agents have a slash in them, which an address writes as %2F.
        (
            "mqtts://que-phong%2Fone-stop@broker.example",
            Broker("broker.example", 8883, 5, tls=True, username="que-phong/one-stop"),
        ),
    ],
)
def test_broker_from_url(url: str, expected: Broker) -> None:
    assert broker_from_url(url, 5, None, None) == expected


def test_broker_from_url_with_files() -> None:
    broker = broker_from_url("mqtts://central@broker.example", 311, Path("password"), Path("ca.pem"))
    assert broker == Broker(
        "broker.example",
        8883,
        311,
        tls=True,
        username="central",
        password_file=Path("password"),
        ca_file=Path("ca.pem"),
    )


@pytest.mark.parametrize(
    "url",
    [
        "",
        "broker.example",
        "broker.example:1883",
        "localhost:1883",
        "127.0.0.1:1883",
        "://broker.example",
        "mqtt:broker.example",
        "mqtt://",
        "mqtt://:1883",
        "mqtt://user@",
        "tcp://broker.example",
        "http://broker.example",
        "ws://broker.example",
        "mqtt://broker.example:port",
        "mqtt://broker.example:99999",
        "mqtt://broker.example:-1",
        "mqtt://broker.example:0",
        "mqtt://[::1",
        "mqtt://[broker]:1883",
        # What follows the port would be lost without a word.
        "mqtt://que-phong/one-stop@broker.example",
        "mqtt://broker.example/presence",
        "mqtt://broker.example?tls=true",
        "mqtt://broker.example#part",
    ],
)
def test_broker_from_url_wrong(url: str) -> None:
    with pytest.raises(ConfigError, match=r"mqtt://HOST:PORT") as told:
        broker_from_url(url, 5, None, None)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    "url",
    [
        "mqtts://central:s3cret@broker.example",
        "mqtt://:s3cret@broker.example",
        "mqtts://central:s3cret@broker.example:99999",
        "mqtts://central:s3cret@",
        "tcp://central:s3cret@broker.example",
        "central:s3cret@broker.example",
        "mqtts://central:s3cret@[::1",
        "mqtts://central:s3cret/@broker.example",
    ],
)
def test_broker_from_url_password_is_not_told(url: str) -> None:
    with pytest.raises(ConfigError) as told:
        broker_from_url(url, 5, None, None)
    assert "s3cret" not in str(told.value)


@pytest.mark.parametrize("url", ["mqtts://central:s3cret@broker.example", "mqtt://central:@broker.example"])
def test_broker_from_url_password_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="--password-file"):
        broker_from_url(url, 5, None, None)


# --- what is shown -----------------------------------------------------------------------------------


class Watcher:
    """`watched` in a thread of its own; `lines` fills."""

    def __init__(self, broker: Broker, site: str | None, *, as_json: bool) -> None:
        self.lines: list[str] = []
        self.failure: BaseException | None = None
        self.stop = threading.Event()
        self._arguments = broker, site, self.stop
        self._as_json = as_json
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def _watch(self) -> None:
        try:
            for line in watched(*self._arguments, as_json=self._as_json):
                self.lines.append(line)
        except BaseException as error:  # noqa: BLE001
            self.failure = error

    def wait(self, words: str) -> None:
        """Until a line has these words in it."""
        wait_until(lambda: self.failure is not None or any(words in line for line in self.lines))
        assert self.failure is None, repr(self.failure)

    def end(self) -> None:
        self.stop.set()
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()


def publish(broker: Mosquitto, topic: str, payload: bytes | dict[str, Any], *, retain: bool = False) -> None:
    content = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    single(f"{ROOT}/{topic}", content, 1, retain, "127.0.0.1", broker.port)


@contextmanager
def watching(broker: Mosquitto, site: str | None = None, *, as_json: bool = False) -> Iterator[Watcher]:
    """A watcher that has begun to hear."""
    watcher = Watcher(Broker("127.0.0.1", broker.port, 5, tls=False), site, as_json=as_json)
    try:

        def there() -> bool:
            publish(broker, "event/probe/zone/occupied", {"type": "probe"})
            return bool(watcher.lines) or watcher.failure is not None

        wait_until(there)
        yield watcher
    finally:
        watcher.end()
    assert watcher.failure is None, repr(watcher.failure)


SINCE = "2026-11-22T00:30:05.120Z"
QUARTER = {"start": "2026-11-22T00:15:00.000Z", "end": "2026-11-22T00:30:00.000Z", "blind_s": 0.0}
DAY = {"date": "2026-11-21", "length_s": 86400.0, "blind_s": 0.0}
EVENTS: list[tuple[dict[str, Any], str, str]] = [
    ({"type": "line.crossed", "direction": "in"}, "somebody came in over gate", "có người đi vào qua gate"),
    ({"type": "line.crossed", "direction": "out"}, "somebody went out over gate", "có người đi ra qua gate"),
    ({"type": "zone.entered", "count": 2}, "somebody entered gate, now 2", "có người vào gate, hiện có 2"),
    ({"type": "zone.left", "count": 1, "dwell_s": 12.6}, "somebody left gate after 13 s, now 1",
     "có người rời gate sau 13 giây, hiện còn 1"),
    ({"type": "zone.occupied"}, "gate is occupied", "gate có người"),
    ({"type": "zone.vacated", "occupied_s": 7.2}, "gate is empty after 7 s", "gate trống sau 7 giây"),
    ({"type": "zone.overstayed", "since": SINCE}, "somebody has stayed long in gate, since 07:30",
     "có người ở lâu trong gate, từ 07:30"),
    ({"type": "zone.crowded", "since": SINCE, "count": 11}, "gate is crowded since 07:30, 11 persons",
     "gate đông người từ 07:30, 11 người"),
    ({"type": "zone.uncrowded", "since": SINCE, "crowded_s": 754.6, "max": 14, "why": "seen"},
     "gate is no longer crowded after 12 min, at most 14 persons",
     "gate hết đông người sau 12 phút, đông nhất 14 người"),
    *(({"type": "zone.uncrowded", "since": SINCE, "crowded_s": 754.6, "max": 14, "why": why},
       "lost sight of gate, crowded for 12 min, at most 14 persons",
       "không còn quan sát được gate, đã đông người trong 12 phút, đông nhất 14 người")
      for why in ("blind", "stopped", "restarted")),
    ({"type": "agent.started", "cause": "new_log"}, "the agent started with a new log",
     "phần mềm đã khởi động với nhật ký mới"),
    ({"type": "agent.started", "cause": "started", "since": "2026-11-21T23:45:00.000Z"},
     "the agent started, nothing was watched since 06:45",
     "phần mềm đã khởi động, không theo dõi được từ 06:45"),
    ({"type": "agent.started", "cause": "restarted", "since": "2026-11-20T10:00:00.000Z"},
     "the agent started again, it had not been stopped in order, nothing was watched since 2026-11-20 17:00",
     "phần mềm đã khởi động lại sau khi bị ngắt đột ngột, không theo dõi được từ 17:00 20/11/2026"),
    ({"type": "agent.stopped", "cause": "signal"}, "the agent stopped (signal)", "phần mềm đã dừng (signal)"),
    ({"type": "events.dropped", "cause": "keep_days", "from_seq": 7, "to_seq": 77},
     "events 7 to 77 were deleted before all of them arrived (keep_days)",
     "các sự kiện từ 7 đến 77 đã bị xóa khi chưa gửi hết (keep_days)"),
    ({"type": "agent.clock_set", "boot": "0123abcd", "offset_s": 1795307052.62},
     "the agent's clock was set right", "đồng hồ của thiết bị đã được chỉnh lại"),
    ({"type": "counter.attended", "since": SINCE}, "somebody is behind gate",
     "quầy gate đã có người trực"),
    ({"type": "counter.attended", "since": SINCE, "waiting": 0},
     "somebody is behind gate, nobody waiting", "quầy gate đã có người trực, không có ai chờ"),
    ({"type": "counter.unattended", "since": SINCE}, "nobody is behind gate, since 07:30",
     "quầy gate không có người trực từ 07:30"),
    ({"type": "counter.unattended", "since": SINCE, "waiting": 3},
     "nobody is behind gate, since 07:30, 3 waiting",
     "quầy gate không có người trực từ 07:30, 3 người đang chờ"),
    ({"type": "counter.closed", "since": SINCE, "waiting": 2, "why": "closed"},
     "gate is closed, working hours are over", "quầy gate đã hết giờ làm việc"),
    *(({"type": "counter.closed", "since": SINCE, "why": why}, "gate is no longer seen",
       "không còn quan sát được quầy gate") for why in ("blind", "stopped", "restarted", "lost")),
    ({"type": "presence.after_hours", "since": SINCE, "track": "t7"},
     "somebody is at gate outside working hours", "có người ở gate ngoài giờ làm việc"),
    ({**QUARTER, "type": "line.quarter", "in": 12, "out": 9}, "gate from 07:15 to 07:30: 12 in, 9 out",
     "gate từ 07:15 đến 07:30: 12 lượt vào, 9 lượt ra"),
    ({**QUARTER, "type": "line.quarter", "blind_s": 600.0, "in": 0, "out": 0},
     "gate from 07:15 to 07:30: 0 in, 0 out, not seen for 10 min",
     "gate từ 07:15 đến 07:30: 0 lượt vào, 0 lượt ra, không quan sát được 10 phút"),
    # Most of a quarter is not all of it: somebody was seen in the rest.
    ({**QUARTER, "type": "line.quarter", "blind_s": 899.9, "in": 2, "out": 4},
     "gate from 07:15 to 07:30: 2 in, 4 out, not seen for 14 min",
     "gate từ 07:15 đến 07:30: 2 lượt vào, 4 lượt ra, không quan sát được 14 phút"),
    ({**QUARTER, "type": "zone.quarter", "visits": 3, "occupied_s": 119.4, "max": 2},
     "gate from 07:15 to 07:30: visits 3, occupied for 119 s, at most 2 at once",
     "gate từ 07:15 đến 07:30: 3 lượt người, có người trong 119 giây, đông nhất 2 người"),
    ({**QUARTER, "type": "counter.quarter", "attended_s": 600.0, "unattended_s": 300.0,
      "longest_unattended_s": 90.0},
     "gate from 07:15 to 07:30: attended for 10 min, unattended for 5 min, at longest 90 s",
     "quầy gate từ 07:15 đến 07:30: có người trực 10 phút, vắng 5 phút, lâu nhất 90 giây"),
    # Of its public zone, if it has one.
    ({**QUARTER, "type": "counter.quarter", "attended_s": 600.0, "unattended_s": 300.0,
      "longest_unattended_s": 90.0, "visits": 0},
     "gate from 07:15 to 07:30: attended for 10 min, unattended for 5 min, at longest 90 s, nobody waited",
     "quầy gate từ 07:15 đến 07:30: có người trực 10 phút, vắng 5 phút, lâu nhất 90 giây, không có ai chờ"),
    ({**DAY, "type": "counter.day", "attended_s": 600.0, "unattended_s": 300.0, "longest_unattended_s": 90.0,
      "visits": 61, "wait_p50_s": 204.3, "wait_p90_s": 611.7, "wait_max_s": 1504.0},
     ("gate on 2026-11-21: attended for 10 min, unattended for 5 min, at longest 90 s, "
      "61 waited, half up to 3 min, nine of ten up to 10 min, all up to 25 min"),
     ("quầy gate ngày 21/11/2026: có người trực 10 phút, vắng 5 phút, lâu nhất 90 giây, "
      "61 lượt chờ, một nửa chờ không quá 3 phút, 90% không quá 10 phút, lâu nhất 25 phút")),
    ({**DAY, "type": "line.day", "in": 40, "out": 39, "first_in": "2026-11-21T00:12:00.000Z",
      "last_out": "2026-11-21T10:05:59.000Z", "periods": [["07:30", "11:30"]], "in_before_start": [12],
      "in_after_start": [28], "out_before_end": [30], "out_after_end": [9]},
     "gate on 2026-11-21: 40 in, 39 out, first in at 07:12, last out at 17:05",
     ("gate ngày 21/11/2026: 40 lượt vào, 39 lượt ra, người đầu tiên vào lúc 07:12, "
      "người cuối cùng ra lúc 17:05")),
    ({**DAY, "type": "line.day", "blind_s": 86400.0, "in": 0, "out": 0, "periods": []},
     "gate on 2026-11-21: 0 in, 0 out, not seen for 24 h 00 min",
     "gate ngày 21/11/2026: 0 lượt vào, 0 lượt ra, không quan sát được 24 giờ 00 phút"),
    ({**DAY, "type": "zone.day", "visits": 30, "occupied_s": 7199.0, "max": 4},
     "gate on 2026-11-21: visits 30, occupied for 119 min, at most 4 at once",
     "gate ngày 21/11/2026: 30 lượt người, có người trong 119 phút, đông nhất 4 người"),
    ({**DAY, "type": "counter.day", "attended_s": 25500.0, "unattended_s": 1500.0,
      "longest_unattended_s": 840.0},
     "gate on 2026-11-21: attended for 7 h 05 min, unattended for 25 min, at longest 14 min",
     "quầy gate ngày 21/11/2026: có người trực 7 giờ 05 phút, vắng 25 phút, lâu nhất 14 phút"),
    ({"type": "zone.left", "count": 1, "dwell_s": 754.6}, "somebody left gate after 12 min, now 1",
     "có người rời gate sau 12 phút, hiện còn 1"),
    ({"type": "zone.occupied", "late": True}, "gate is occupied (late)", "gate có người (gửi muộn)"),
    # Nobody saw them leave: that is not to be read as an empty place.
    ({"type": "zone.left", "count": 0, "dwell_s": 12.6, "why": "blind"},
     "lost sight of somebody in gate after 13 s", "không còn quan sát được một người ở gate sau 13 giây"),
    ({"type": "zone.left", "count": 0, "dwell_s": 12.6, "why": "lost"},
     "somebody left gate after 13 s, now 0", "có người rời gate sau 13 giây, hiện còn 0"),
    *(({"type": "zone.vacated", "occupied_s": 7.2, "why": why}, "lost sight of gate, occupied for 7 s",
       "không còn quan sát được gate, đã có người trong 7 giây")
      for why in ("blind", "stopped", "restarted")),
    ({"type": "camera.blind", "cause": "covered"}, "the camera is covered", "camera bị che"),
    ({"type": "camera.blind", "cause": "dark"}, "it is too dark for the camera",
     "camera không quan sát được vì quá tối"),
    ({"type": "camera.blind", "cause": "blurred"}, "the camera's picture is blurred",
     "hình camera bị mờ"),
    ({"type": "camera.blind", "cause": "moved"}, "the camera was moved", "camera bị xê dịch"),
    ({"type": "camera.blind", "cause": "frozen"}, "the camera's picture stands still",
     "hình camera bị đứng"),
    ({"type": "camera.blind", "cause": "lost"}, "the camera does not answer", "mất kết nối với camera"),
    ({"type": "camera.restored", "cause": "dark", "blind_s": 61.4}, "the camera sees again after 61 s",
     "camera quan sát lại được sau 61 giây"),
    # Later versions say more than this one knows.
    ({"type": "counter.abandoned"}, "counter.abandoned", "counter.abandoned"),
    ({"type": "counter.unattended"}, "counter.unattended", "counter.unattended"),
    ({"type": "counter.unattended", "since": 7}, "counter.unattended", "counter.unattended"),
    ({"type": "agent.started", "cause": "kicked"}, "the agent started", "phần mềm đã khởi động"),
    ({**QUARTER, "type": "line.quarter", "start": "soon", "in": 1, "out": 1}, "line.quarter", "line.quarter"),
    ({**DAY, "type": "zone.day", "date": "2026-13-45"}, "zone.day", "zone.day"),
    ({"type": "camera.blind", "cause": "sleepy"}, "camera.blind sleepy", "camera.blind sleepy"),
    ({"type": "line.crossed", "direction": "up"}, "line.crossed up", "line.crossed up"),
    ({"type": "zone.left", "count": 1}, "zone.left", "zone.left"),
]  # fmt: skip


def topic_of(event: dict[str, Any]) -> str:
    return f"event/gate/{event['type'].replace('.', '/')}"


@pytest.mark.parametrize(("language", "column"), [("en_GB.UTF-8", 1), ("vi_VN.UTF-8", 2)])
def test_watched_events(
    mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch, language: str, column: int
) -> None:
    monkeypatch.setenv("LANG", language)
    publish(mosquitto, "info", INFO, retain=True)
    with watching(mosquitto) as watcher:
        watcher.lines.clear()
        for event, *_ in EVENTS:
            publish(mosquitto, topic_of(event), {**HEAD, **event})
        wait_until(lambda: len(watcher.lines) >= len(EVENTS))
    lines = [line for line in watcher.lines if "probe" not in line]
    for line, row in zip(lines, EVENTS, strict=True):
        # The time of the place where it happened, and what that place is called.
        assert line == (f"07:31:05  que-phong/one-stop Bộ phận một cửa  {row[column]}  [{topic_of(row[0])}]")


LANGUAGES = [
    ({"LANG": "vi_VN.UTF-8"}, True),
    ({"LANG": "vi_VN"}, True),
    ({"LANG": "C"}, False),
    ({"LANG": ""}, False),
    ({"LC_ALL": "vi_VN.UTF-8", "LANG": "en_US.UTF-8"}, True),
    ({"LC_ALL": "C", "LANG": "vi_VN.UTF-8"}, False),
    ({"LC_MESSAGES": "vi_VN.UTF-8", "LANG": "en_US.UTF-8"}, True),
    ({"LC_ALL": "", "LANG": "vi_VN.UTF-8"}, True),
]


def test_watched_language(mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch) -> None:
    with watching(mosquitto) as watcher:
        for number, (variables, vietnamese) in enumerate(LANGUAGES):
            with monkeypatch.context() as environment:
                for name, value in variables.items():
                    environment.setenv(name, value)
                publish(
                    mosquitto, "event/gate/zone/occupied", {"type": "zone.occupied", "rule": f"z{number}"}
                )
                watcher.wait(f"z{number} có người" if vietnamese else f"z{number} is occupied")


def test_watched_status(mosquitto: Mosquitto) -> None:
    publish(mosquitto, "info", INFO, retain=True)
    publish(mosquitto, "status", {"v": 1, "state": "online", "why": None, "ts": HEAD["ts"]}, retain=True)
    with watching(mosquitto) as watcher:
        watcher.wait("07:31:05  que-phong/one-stop Bộ phận một cửa  the agent is online  [status]")
        # A will has no time of its own.
        publish(mosquitto, "status", {"v": 1, "state": "offline", "why": "lost"})
        watcher.wait("the agent is offline (lost)")
        line = next(line for line in watcher.lines if "offline" in line)
        assert re.match(r"\d\d:\d\d:\d\d  que-phong/one-stop Bộ phận một cửa  ", line)
        # What is cleared says nothing.
        publish(mosquitto, "status", b"", retain=True)
        publish(mosquitto, "event/gate/zone/occupied", {**HEAD, "type": "zone.occupied"})
        watcher.wait("gate is occupied")
    assert sum("[status]" in line for line in watcher.lines) == 2


def test_watched_without_info(mosquitto: Mosquitto) -> None:
    with watching(mosquitto) as watcher:
        publish(mosquitto, "event/gate/zone/occupied", {**HEAD, "type": "zone.occupied"})
        watcher.wait("  que-phong/one-stop  gate is occupied  [event/gate/zone/occupied]")


def test_watched_one_site(mosquitto: Mosquitto) -> None:
    with watching(mosquitto, "que-phong") as watcher:
        for site in ("elsewhere", "que-phong"):
            topic = f"presence/v1/{site}/one-stop/event/gate/zone/occupied"
            single(topic, b'{"type": "zone.occupied"}', 1, hostname="127.0.0.1", port=mosquitto.port)
        watcher.wait("zone/occupied]")
    assert not any("elsewhere" in line for line in watcher.lines)


def test_watched_json_is_events_only(mosquitto: Mosquitto) -> None:
    body = json.dumps({**HEAD, "type": "zone.occupied"})
    with watching(mosquitto, as_json=True) as watcher:
        publish(mosquitto, "info", INFO)
        publish(mosquitto, "status", {"v": 1, "state": "online"})
        publish(mosquitto, "event/gate/zone/occupied", body.encode())
        watcher.wait(body)
    assert {line for line in watcher.lines if "probe" not in line} == {body}


DEEP = b"[" * 100_000
JUNK: list[bytes | dict[str, Any]] = [
    b"",
    b"not JSON",
    b"{",
    b"\xff\xfe\x00",
    b"\x00",
    b"null",
    b"7",
    b'"text"',
    b"[1, 2]",
    b"[]",
    b"{}",
    b"NaN",
    DEEP,
    DEEP + b"]" * 100_000,
    b'{"type":' + DEEP + b"]" * 100_000 + b"}",
    b"9" * 10_000,
    b'{"count": ' + b"9" * 10_000 + b"}",
    {"type": None},
    {"type": 7},
    {"type": ["zone.left"]},
    {"type": {"a": 1}},
    {"type": "zone.left", "rule": ["gate"], "count": {}, "dwell_s": "long"},
    {"type": "zone.left", "rule": "gate", "count": 1, "dwell_s": None},
    {"type": "zone.left", "rule": "gate", "count": 1, "dwell_s": [1]},
    {"type": "zone.left", "rule": "gate", "count": 10**400, "dwell_s": 10**400},
    {"type": "zone.left", "rule": "gate", "count": 1, "dwell_s": -(10**400)},
    {"type": "zone.vacated", "rule": "gate", "occupied_s": 1e308},
    {"type": "zone.vacated", "rule": "gate", "occupied_s": float("inf")},
    {"type": "zone.vacated", "rule": "gate", "occupied_s": float("nan")},
    {"type": "zone.vacated", "rule": "{0.__class__}", "occupied_s": 1},
    {"type": "zone.occupied", "rule": "\ud800"},
    {"type": "zone.occupied", "rule": "a\nb\x1b[2J\x07\x9b31m\u202e"},
    {"type": "x\r\n12:00:00  somebody else"},
    {"type": "line.crossed", "direction": ["in"]},
    {"type": "zone.occupied", "self": 1, "": 2, "0": 3},
    {"type": "zone.occupied", "ts": 7},
    {"type": "zone.occupied", "ts": None},
    {"type": "zone.occupied", "ts": ["2026"]},
    {"type": "zone.occupied", "ts": "0001-01-01T00:00:00.000Z"},
    {"type": "zone.occupied", "ts": "9999-12-31T23:59:59.999Z"},
    {"type": "zone.occupied", "ts": "0001-01-01T00:00:00.000+14:00"},
    {"type": "zone.occupied", "ts": "9999-12-31T23:59:59.999-14:00"},
    {"type": "zone.occupied", "ts": "2026-01-05T00:00:00"},
    {"type": "zone.occupied", "ts": "x" * 10_000},
    {"type": "zone.occupied", "late": "yes"},
    {"state": "online", "type": "zone.left"},
]
JUNK_INFO: list[bytes | dict[str, Any]] = [
    b"[]",
    DEEP,
    {"place": ["a"], "timezone": 7},
    {"place": "a\n\x1b[2J", "timezone": "../../etc/passwd"},
    {"place": None, "timezone": "Asia"},
    {"place": "x", "timezone": "\x00"},
    {"place": "x", "timezone": "\ud800"},
    {"place": "x", "timezone": "/etc/passwd"},
    {"place": "x", "timezone": "x" * 10_000},
    {"place": "x", "timezone": "Etc/GMT-14"},
    {"place": "x", "timezone": "America/Los_Angeles"},
]


def test_watched_junk(mosquitto: Mosquitto) -> None:
    """Anybody may publish anything: nothing of it ends the watching, or plays with the terminal."""
    with watching(mosquitto) as watcher:
        for junk in JUNK:
            publish(mosquitto, "event/gate/zone/left", junk)
            assert watcher.failure is None, (junk, watcher.failure)
        for junk in (b"[]", DEEP, {"state": ["online"]}, {"state": "offline", "why": {}}):
            publish(mosquitto, "status", junk)
        publish(mosquitto, "event/gate/zone/occupied", {**HEAD, "type": "zone.occupied", "rule": "last"})
        watcher.wait("last is occupied")
    # One line each, without what moves a cursor or turns text around.
    assert [line for line in watcher.lines if not line.isprintable()] == []


def test_watched_junk_info(mosquitto: Mosquitto) -> None:
    with watching(mosquitto) as watcher:
        for number, info in enumerate(JUNK_INFO):
            publish(mosquitto, "info", info)
            for event in ({}, *(event for event in JUNK if isinstance(event, dict) and "ts" in event)):
                publish(mosquitto, "event/gate/zone/occupied", {**HEAD, "type": "zone.occupied", **event})
            publish(mosquitto, "event/gate/zone/occupied", {"type": "zone.occupied", "rule": f"z{number}"})
            watcher.wait(f"z{number} is occupied")
    assert [line for line in watcher.lines if not line.isprintable()] == []


def test_watched_junk_as_json(mosquitto: Mosquitto) -> None:
    # Each line of it can be read by a program.
    with watching(mosquitto, as_json=True) as watcher:
        for junk in [*JUNK, b'{\n"type": "zone.occupied"\n}']:
            publish(mosquitto, "event/gate/zone/left", junk)
        publish(mosquitto, "event/gate/zone/occupied", {**HEAD, "type": "zone.occupied", "rule": "last"})
        watcher.wait('"last"')
    for line in watcher.lines:
        assert "\n" not in line
        assert isinstance(json.loads(line), dict)


# --- brokers -----------------------------------------------------------------------------------------


def test_watched_without_broker() -> None:
    stop = threading.Event()
    with pytest.raises(DeliveryError, match="nothing listens"):
        next(watched(Broker("127.0.0.1", free_port(), 5, tls=False), None, stop, as_json=False))


def test_watched_goes_on_after_broker_restarted(
    mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscriber, "_PAUSE_S", 0.1)
    with watching(mosquitto) as watcher:
        mosquitto.stop()
        mosquitto.start()

        def heard() -> bool:
            publish(mosquitto, "event/gate/zone/occupied", {**HEAD, "type": "zone.occupied"})
            return any("gate is occupied" in line for line in watcher.lines)

        wait_until(heard)
