"""Faults of the service as it runs: its camera, its process, its start, the clock."""

from __future__ import annotations

import os
import signal
import time

from tests.systemd.booted import (
    CONFIG,
    LOG,
    RECORDING,
    UNIT,
    edit,
    main_pid,
    restart,
    run,
    script,
    shown,
    stop,
)
from tests.systemd.fault import Fault, back, changed


def _refused() -> None:
    """A reload that does as if nothing were wrong is a fault of its own."""
    edit("min_dwell_s", "min_dwel_s")
    said = run("systemctl", "reload", UNIT, check=False)
    if not said.strip():
        raise AssertionError("systemctl reload says nothing of it")


def _silent_camera() -> None:
    """It takes connections and says nothing; the service has given up waiting for the first time."""
    code = "import socket, time; s = socket.create_server(('127.0.0.1', 8554)); time.sleep(3600)"
    run("systemd-run", "-q", "--unit=silent-camera", "/usr/bin/python3", "-c", code)
    edit(f'"{RECORDING}"', '"rtsp://127.0.0.1:8554/hall"')
    restart()
    for _ in range(60):
        if "camera_lost" in shown("StatusText"):
            break
        time.sleep(1)


def _clock() -> None:
    run("systemctl", "disable", "-q", "--now", "systemd-timesyncd")
    run("rm", "-f", "/run/systemd/timesync/synchronized")
    restart()


def _by_hand() -> None:
    """Somebody tries the agent out, and forgets it."""
    stop()
    run("systemd-run", "-q", "--unit=by-hand", f"--uid={UNIT}", "/usr/bin/presence-agent", "run")
    script(f"until [ -e {LOG}.lock ]; do sleep 0.2; done; sleep 1")
    restart()


FAULTS = (
    Fault(
        name="USB camera missing",
        make=changed(f'"{RECORDING}"', '"/dev/v4l/by-id/usb-hall-video-index0"'),
        found=r"camera.*/dev/v4l/by-id",
        remedy=r"source under \[camera\]",
        cause=r"/dev/v4l/by-id",
        told=r"plug it in|cable",
        hands=back(CONFIG),
    ),
    Fault(
        name="RTSP camera silent",
        make=_silent_camera,
        found=r"camera.*127\.0\.0\.1",
        remedy=r"source.* under \[camera\]",
        cause=r"127\.0\.0\.1",
        told=r"address",
        hands=back(CONFIG),
    ),
    Fault(
        name="reload refused",
        make=_refused,
        found=r"configuration.*min_dwel_s",
        remedy=r"[Cc]orrect",
        cause=r"min_dwel_s",
        told=r"systemctl reload",
        hands=back(CONFIG),
    ),
    Fault(
        name="clock not kept",
        make=_clock,
        found=r"clock.*systemd-timesyncd",
        remedy=r"timesyncd|timedatectl set-ntp",
        cause=r"clock_unsynced",
        told=r"time server",
    ),
    Fault(
        name="kill -9",
        make=lambda: os.kill(main_pid(), signal.SIGKILL),
        found=r"service.*signal",
        remedy=r"systemctl restart",
        cause=r"KILL",
        told=r"Automatic restarting",
    ),
    Fault(
        name="SIGSTOP",
        make=lambda: os.kill(main_pid(), signal.SIGSTOP),
        found=r"service is halted",
        remedy=r"systemctl restart",
    ),
    Fault(
        name="SIGSTOP, nobody does anything",
        make=lambda: os.kill(main_pid(), signal.SIGSTOP),
        found=r"service is halted",
        remedy=r"[Ww]ait a minute",
        cause=r"Watchdog timeout",
        told=r"Automatic restarting",
        in_status=False,
        waits=True,
    ),
    Fault(
        name="a second agent on the log",
        make=_by_hand,
        found=r"another|second|not the service",
        remedy=r"kill|stop|end",
        cause=r"another|already",
        told=r"stop|end|kill",
    ),
    Fault(
        name="service switched off",
        make=lambda: run("systemctl", "disable", "-q", "--now", UNIT),
        found=r"service.*(does not run|switched off)",
        remedy=r"systemctl enable --now",
        cause=r"[Ss]topped|inactive",
    ),
)
