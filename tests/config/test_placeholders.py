"""What is still an example in a configuration is named; what somebody may have meant is not."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from agent.config.examples import PLACES, example
from agent.config.load import load
from agent.config.placeholders import leftovers
from tests.config.test_models import CONTRACT, DEVICE, LEAST, mqtt, zone

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Ran

OWN_HOST = 'host = "10.1.2.3"'
NAMES = ["[device] site", "[device] name", "[device] place"]
# Those of the rules and of what is blanked, in each example.
DRAWINGS = {
    "gate": ['[[line]] 1 "gate" start, end, inside'],
    "parking": ['[[line]] 1 "exit" start, end, inside', '[[zone]] 1 "rows" polygon'],
    "counter": ['[[zone]] 1 "staff" polygon', '[[zone]] 2 "waiting" polygon'],
    "reception": [
        '[[line]] 1 "door" start, end, inside', '[[zone]] 1 "staff" polygon', '[[zone]] 2 "seats" polygon',
    ],
    "corridor": ['[[line]] 1 "passage" start, end, inside', '[[zone]] 1 "linger" polygon'],
    "contract": [
        "[camera] masks", '[[line]] 1 "gate" start, end, inside',
        '[[zone]] 1 "staff" polygon', '[[zone]] 2 "waiting" polygon',
    ],
}  # fmt: skip
TEXTS = {**{place: example(place) for place in PLACES}, "contract": CONTRACT}


@pytest.fixture
def named(tmp_path: Path) -> Callable[[str], list[str]]:
    """Load a file; return its keys that still have an example's value."""

    def tell(text: str) -> list[str]:
        path = tmp_path / "agent.toml"
        path.write_text(text, encoding="utf-8")
        return [leftover.where for leftover in leftovers(load(path))]

    return tell


def test_drawings_of_each_example_are_known() -> None:
    assert DRAWINGS.keys() == TEXTS.keys()


@pytest.mark.parametrize("name", TEXTS)
def test_untouched_example_is_named(
    presence_agent: Callable[..., Ran], tmp_path: Path, named: Callable[[str], list[str]], name: str
) -> None:
    assert named(TEXTS[name]) == [*NAMES, *DRAWINGS[name], "[mqtt] host"]
    ran = presence_agent("check", "--config", tmp_path / "agent.toml")
    assert (ran.code, ran.err) == (0, "")
    *lines, last = ran.out.splitlines()
    assert any(re.match(r'\[mqtt\] host = "broker\.example": .*; give .* broker\.$', line) for line in lines)
    assert "is good" not in last
    assert f"{len(lines)} of its values" in last


@pytest.mark.parametrize("name", TEXTS)
def test_example_with_another_broker_is_still_one(named: Callable[[str], list[str]], name: str) -> None:
    text = TEXTS[name].replace('host = "broker.example"', OWN_HOST)
    assert named(text) == [*NAMES, *DRAWINGS[name]]


@pytest.mark.parametrize("name", TEXTS)
def test_redrawn_example_is_its_office_own(named: Callable[[str], list[str]], name: str) -> None:
    """An office may have that site, name and place, and the usual working hours."""
    text = TEXTS[name].replace('host = "broker.example"', OWN_HOST)
    # Each corner is a little elsewhere, and stays within the picture.
    redrawn = re.sub(r"\b0\.(\d+)", lambda number: f"0.{number[1]}{'0' * (2 - len(number[1]))}7", text)
    assert named(redrawn) == []


def test_names_beside_another_example(named: Callable[[str], list[str]]) -> None:
    text = CONTRACT.replace("que-phong", "tan-ky").replace("[0.0, 0.0], [0.2, 0.0]", "[0.0, 0.0], [0.3, 0.0]")
    assert named(text) == [*DRAWINGS["contract"][1:], "[mqtt] host"]
    assert named(CONTRACT.replace("one-stop", "hall"))[:2] == ["[device] site", "[device] place"]


@pytest.mark.parametrize(
    "host",
    [
        "broker.example", "mqtt.hq.example", "Broker.EXAMPLE", "broker.example.", "example.com",
        "mqtt.example.net", "a.b.example.org", "broker.test", "x.invalid", "192.0.2.7", "198.51.100.255",
        "203.0.113.1", "2001:db8::1", "2001:DB8:1::2", "3fff::1", "::ffff:192.0.2.1",
    ],
)  # fmt: skip
def test_host_reserved(named: Callable[[str], list[str]], host: str) -> None:
    assert named(mqtt("").replace("broker.example", host)) == [
        "[device] site",
        "[device] name",
        "[mqtt] host",
    ]
    if ":" not in host:
        text = DEVICE + f'[camera]\nsource = "rtsp://{host}:554/h264"\n'
        assert named(text)[2:] == ["[camera] source"]


@pytest.mark.parametrize(
    "host",
    [
        "localhost", "broker", "test", "broker.local", "example.vn", "myexample.com", "broker.examples.org",
        "broker.latest", "example.com.vn", "test.quephong.gov.vn", "192.168.2.7", "192.0.3.1", "203.0.114.1",
        "fd00::1", "2001:db9::1", "::1",
    ],
)  # fmt: skip
def test_host_of_somebody(named: Callable[[str], list[str]], host: str) -> None:
    assert named(mqtt("").replace("broker.example", host)) == []


@pytest.mark.parametrize(
    ("text", "where"),
    [
        (DEVICE + '[camera]\nsource = "/dev/v4l/by-id/…"', "[camera] source"),
        (DEVICE + '[camera]\nsource = "rtsp://…"', "[camera] source"),
        (DEVICE + '[camera]\nsource = "rtsp://10.0.0.7/..."', "[camera] source"),
        (mqtt('username = "<site>/<name>"').replace("broker.example", "b"), "[mqtt] username"),
        (
            mqtt(
                'username = "que-phong/one-stop"\npassword_file = "/run/credentials/presence-agent.service/…"'
            ).replace("broker.example", "b"),
            "[mqtt] password_file",
        ),
    ],
)
def test_gap_to_fill(named: Callable[[str], list[str]], text: str, where: str) -> None:
    assert named(text)[2:] == [where]


@pytest.mark.parametrize("source", ["wait...mp4", "/media/<1> yard…/day.mp4", "rtsp://10.0.0.7/a/../b"])
def test_no_gap(named: Callable[[str], list[str]], source: str) -> None:
    assert named(LEAST.replace("day.mp4", source)) == []


def test_zone_of_the_whole_picture_is_no_example(named: Callable[[str], list[str]]) -> None:
    assert named(LEAST + zone(polygon="[[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]")) == []
