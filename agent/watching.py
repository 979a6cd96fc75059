"""`presence-agent watch`: what a broker passes on, a line an event, for people."""

from __future__ import annotations

import json
import os
import re
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit
from zoneinfo import ZoneInfo

from agent.delivery.mqtt import Broker
from agent.delivery.payload import CONTRACT
from agent.delivery.subscriber import received
from agent.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from threading import Event

    from agent.delivery.mqtt import Message

_PORTS = {"mqtt": 1883, "mqtts": 8883}

# Each sentence in English and in Vietnamese; {…} are fields of the event.
_SENTENCES = {
    "line.crossed in": ("somebody came in over {rule}", "có người đi vào qua {rule}"),
    "line.crossed out": ("somebody went out over {rule}", "có người đi ra qua {rule}"),
    "zone.entered": ("somebody entered {rule}, now {count}", "có người vào {rule}, hiện có {count}"),
    "zone.left": (
        "somebody left {rule} after {dwell_s:.0f} s, now {count}",
        "có người rời {rule} sau {dwell_s:.0f} giây, hiện còn {count}",
    ),
    "zone.occupied": ("{rule} is occupied", "{rule} có người"),
    "zone.vacated": ("{rule} is empty after {occupied_s:.0f} s", "{rule} trống sau {occupied_s:.0f} giây"),
    "zone.left unseen": (
        "lost sight of somebody in {rule} after {dwell_s:.0f} s",
        "không còn nhìn thấy một người ở {rule} sau {dwell_s:.0f} giây",
    ),
    "zone.vacated unseen": (
        "lost sight of {rule}, occupied for {occupied_s:.0f} s",
        "không còn nhìn thấy {rule}, đã có người trong {occupied_s:.0f} giây",
    ),
    "camera.blind covered": ("the camera is covered", "camera bị che"),
    "camera.blind dark": ("it is too dark for the camera", "camera không thấy gì vì quá tối"),
    "camera.blind blurred": ("the camera's picture is blurred", "hình ảnh camera bị mờ"),
    "camera.blind moved": ("the camera was moved", "camera bị xê dịch"),
    "camera.blind frozen": ("the camera's picture stands still", "hình ảnh camera bị đứng"),
    "camera.blind lost": ("the camera does not answer", "mất kết nối với camera"),
    "camera.restored": (
        "the camera sees again after {blind_s:.0f} s",
        "camera nhìn thấy trở lại sau {blind_s:.0f} giây",
    ),
    "agent.started": ("the agent started ({cause})", "thiết bị khởi động ({cause})"),
    "agent.stopped": ("the agent stopped ({cause})", "thiết bị dừng ({cause})"),
    "online": ("the agent is online", "thiết bị đang hoạt động"),
    "offline": ("the agent is offline ({why})", "thiết bị ngoại tuyến ({why})"),
    "late": ("(late)", "(muộn)"),
}
# Whoever was there may still be: nobody saw them leave.
_UNSEEN = ("blind", "stopped", "restarted")


def broker_from_url(url: str, protocol: int, password_file: Path | None, ca_file: Path | None) -> Broker:
    """A broker's address as people write it: mqtt://[user@]host[:port], or mqtts:// with TLS.

    Raises:
        ConfigError: it is no such address, or has a password in it.
    """
    # What was given is not repeated: there may be a password in it.
    wrong = ConfigError(
        "--broker: give mqtt://HOST:PORT, or mqtts://HOST:PORT for TLS; a / in a user is %2F."
    )
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname
    except ValueError:
        raise wrong from None
    if not host or port == 0 or parts.scheme not in _PORTS:
        raise wrong
    if parts.password is not None:
        raise ConfigError("--broker: a password in the address is seen by everybody; give --password-file.")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise wrong
    return Broker(
        host=host,
        port=port or _PORTS[parts.scheme],
        protocol=protocol,
        tls=parts.scheme == "mqtts",
        username=None if parts.username is None else unquote(parts.username),
        password_file=password_file,
        ca_file=ca_file,
    )


def watched(broker: Broker, site: str | None, stop: Event, *, as_json: bool) -> Iterator[str]:
    """Yield a line for each event, and for agents that come and go; as JSON only the events.

    Raises:
        DeliveryError: the broker can't be reached, or refuses.
    """
    if site is not None and not re.fullmatch(r"[a-z0-9-]{1,32}", site):
        raise ConfigError(f"--site {site}: a site's name has only a-z, 0-9 and '-', at most 32 of them.")
    root = f"{CONTRACT}/{site or '+'}/+"
    places: dict[str, tuple[str, str]] = {}
    for message in received(broker, [f"{root}/info", f"{root}/status", f"{root}/event/#"], stop):
        payload = _parsed(message)
        levels = message.topic.split("/")
        agent, kind = "/".join(levels[2:4]), levels[4]
        if kind == "info":
            places[agent] = str(payload.get("place", "")), str(payload.get("timezone", ""))
        elif payload and kind == "event" and as_json:
            # On one line and harmless to a terminal, whoever published it.
            yield message.payload if message.payload.isprintable() else json.dumps(payload)
        elif payload and not as_json:
            place, timezone = places.get(agent, ("", ""))
            name = f"{agent} {place}".rstrip()
            when = _local(payload.get("ts"), timezone)
            yield _harmless(f"{when}  {name}  {_sentence(payload)}  [{message.topic.split('/', 4)[4]}]")


def _parsed(message: Message) -> dict[str, Any]:
    """What was published; anybody may publish anything, so nothing is taken for granted."""
    try:
        payload = json.loads(message.payload)
    except (ValueError, RecursionError):
        return {}
    return payload if isinstance(payload, dict) else {}


def _harmless(line: str) -> str:
    """Without what moves a cursor, ends a line or turns text around."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in line)


def _sentence(payload: dict[str, Any]) -> str:
    vietnamese = (
        os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG") or ""
    ).startswith("vi")
    kind = str(payload.get("type", payload.get("state", "")))
    if kind == "line.crossed":
        kind = f"{kind} {payload.get('direction')}"
    elif kind == "camera.blind":
        kind = f"{kind} {payload.get('cause')}"
    elif kind in {"zone.left", "zone.vacated"} and payload.get("why") in _UNSEEN:
        kind = f"{kind} unseen"
    both = _SENTENCES.get(kind)
    try:
        sentence = both[vietnamese].format(**payload) if both else kind
    except (LookupError, ValueError, TypeError, ArithmeticError):
        sentence = kind
    late = f" {_SENTENCES['late'][vietnamese]}" if payload.get("late") else ""
    return sentence + late


def _local(ts: object, timezone: str) -> str:
    """Local time at the agent; what has no time is shown at the reader's."""
    try:
        moment = datetime.fromisoformat(str(ts))
        return f"{moment.astimezone(ZoneInfo(timezone) if timezone else None):%H:%M:%S}"
    except (ValueError, OSError, LookupError, OverflowError):
        return f"{datetime.now().astimezone():%H:%M:%S}"
