"""What a signal does to a process that listens, and to one that hangs."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.patience import PATIENCE_S

# Says when it is ready and when it was asked; then it hangs, as in a camera's driver, or ends in order.
LISTENS = """
import sys, time
from agent.device.signals import service_signals
with service_signals() as asked:
    print("ready", flush=True)
    asked.stop.wait(30)
    print("asked", flush=True)
    if sys.argv[1] == "hangs":
        time.sleep(30)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize(("does", "times", "code"), [("ends", 1, 0), ("hangs", 2, 128)])
def test_stop_once_in_order_and_twice_at_once(
    number: signal.Signals, does: str, times: int, code: int
) -> None:
    words = [sys.executable, "-c", LISTENS, does]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            for said in ["ready", "asked"][:times]:
                assert process.stdout.readline() == f"{said}\n"
                process.send_signal(number)
            assert process.wait(PATIENCE_S) == (code + number if code else 0)
        finally:
            process.kill()
