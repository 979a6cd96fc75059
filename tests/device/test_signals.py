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


# Sends a signal at any moment of the wait, as often as it is asked to.
SENDS = """
import os, random, signal, sys, time
for _ in sys.stdin:
    time.sleep(random.uniform(0, 0.002))
    os.kill(int(sys.argv[1]), signal.SIGTERM)
"""
# Most of its time it holds the event's own lock, which a signal's handler must not want.
WAITS = f"""
import os, subprocess, sys
from agent.device.signals import stop_signals
words = [sys.executable, "-c", {SENDS!r}, str(os.getpid())]
with subprocess.Popen(words, stdin=subprocess.PIPE, bufsize=0) as sender, stop_signals() as stop:
    for _ in range(200):
        sender.stdin.write(b"\\n")
        while not stop.wait(0.0):
            pass
        stop.clear()
    sender.stdin.close()
"""


def test_signal_in_the_middle_of_a_wait_is_no_deadlock() -> None:
    with subprocess.Popen([sys.executable, "-c", WAITS], cwd=ROOT) as process:
        try:
            assert process.wait(PATIENCE_S) == 0
        finally:
            process.kill()
