"""Metrics for Prometheus: what a technician watches of the centre and its devices."""

from __future__ import annotations

from collections import Counter
from time import time
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from agent.central.api.reading import Wanted
from agent.central.moments import ms_of

if TYPE_CHECKING:
    from agent.central.api.caller import ApiCaller
    from agent.central.api.reading import ApiReading


def metrics_text(reading: ApiReading, caller: ApiCaller, streams: int) -> bytes:
    """The metrics as Prometheus reads them.

    Args:
        reading: of the store.
        caller: whose sites are told.
        streams: how many live streams are open.
    """
    registry = CollectorRegistry()
    devices, states = reading.devices(Wanted(caller)), reading.states(Wanted(caller))
    of_state = Gauge("presence_devices", "Devices by site and state.", ("site", "state"), registry=registry)
    for (site, name), number in Counter((one.site, one.state) for one in devices).items():
        of_state.labels(site, name).set(number)
    verdicts = Gauge(
        "presence_devices_by_verdict", "Devices by site and verdict; unknown: no fresh health.",
        ("site", "verdict"), registry=registry,
    )  # fmt: skip
    words = ("ok", "degraded", "failing")
    for (site, name), number in Counter(
        (one.site, one.verdict if one.verdict in words else "unknown") for one in devices
    ).items():
        verdicts.labels(site, name).set(number)
    place = ("site", "place")
    missing = Gauge(
        "presence_missing_events", "Events that exist and have not come.", place, registry=registry
    )
    heard = Gauge("presence_heard_seconds_ago", "Since the last sign of life, s.", place, registry=registry)
    now_s = time()
    for one in devices:
        missing.labels(one.site, one.place).set(one.missing)
        if one.heard:
            heard.labels(one.site, one.place).set(max(0.0, now_s - ms_of(one.heard) / 1000))
    known = Gauge(
        "presence_states", "States of rules by site; known or not.", ("site", "known"), registry=registry
    )
    for (site, is_known), number in Counter((one.site, one.value is not None) for one in states).items():
        known.labels(site, str(is_known).lower()).set(number)
    Gauge("presence_newest_event", "Number of the newest event.", registry=registry).set(reading.newest())
    Gauge("presence_live_streams", "Live streams that are open.", registry=registry).set(streams)
    return generate_latest(registry)
