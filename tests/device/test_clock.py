from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from agent.device.clock import boot_id, clock_synced, now


def test_now_increases() -> None:
    moments = [now() for _ in range(200)]
    assert all(before.monotonic_s <= after.monotonic_s for before, after in pairwise(moments))
    assert moments[0].monotonic_s < moments[-1].monotonic_s


def test_now_is_now() -> None:
    before_s, moment, after_s = time.monotonic(), now(), time.monotonic()
    assert before_s <= moment.monotonic_s <= after_s
    assert moment.utc.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - moment.utc) < timedelta(seconds=5)


def test_now_tells_whether_the_clock_is_synced() -> None:
    assert isinstance(clock_synced(), bool)
    assert now().synced is clock_synced()


def test_boot_id() -> None:
    assert re.fullmatch(r"[0-9a-f]{8}", boot_id())
    # The same until the machine starts again.
    assert boot_id() == boot_id()
