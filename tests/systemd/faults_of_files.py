"""Faults of what lies on the card: weights, recording, configuration, event log, program, and the card."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from tests.systemd.booted import (
    APP,
    CONFIG,
    HOME,
    LOG,
    MODELS,
    RECORDING,
    STATE,
    UNIT,
    edit,
    restart,
    run,
    script,
    stop,
)
from tests.systemd.fault import Fault, back, changed, closed

if TYPE_CHECKING:
    from collections.abc import Callable

_FILM = STATE / "film-of-the-feast.mp4"
_FETCH = r"models fetch yolox_nano"
_CLOSED = r"(read|permission|Permission)"


def _small_card(then: Callable[[], object]) -> None:
    """The state folder on a card of 256 MB, which is memory here; then something is done to it."""
    stop()
    owner = f"uid={UNIT},gid={UNIT}"
    run("mount", "-t", "tmpfs", "-o", f"size=256m,mode=0700,{owner}", "card", str(STATE))
    then()


def _full() -> None:
    def then() -> None:
        run("systemctl", "start", UNIT)
        run("dd", "if=/dev/zero", f"of={_FILM}", "bs=1M", check=False)

    _small_card(then)


def _read_only() -> None:
    def then() -> None:
        run("mount", "-o", "remount,ro", str(STATE))
        restart()

    _small_card(then)


def _recording_gone() -> None:
    RECORDING.unlink()
    restart()


def _in_home() -> None:
    shutil.copy(RECORDING, HOME)
    edit(str(RECORDING), str(HOME / RECORDING.name))
    restart()


def _weights_deleted() -> None:
    shutil.rmtree(MODELS / "prepared")
    (MODELS / "yolox_nano.onnx").unlink()
    restart()


def _weights_corrupt() -> None:
    """A block of zeros in each file, as a bad card leaves it."""
    for path in (MODELS / "yolox_nano.onnx", *(MODELS / "prepared").glob("yolox_nano*")):
        with path.open("r+b") as file:
            file.seek(1_000_000)
            file.write(b"\0" * 4096)
    restart()


def _weights_closed() -> None:
    closed(*(MODELS / "prepared").iterdir(), MODELS / "yolox_nano.onnx")()


def _weights_by_umask() -> None:
    script(f"rm -r {MODELS}/prepared {MODELS}/yolox_nano.onnx; umask 077; presence-agent models fetch")
    restart()


def _no_weights_folder() -> None:
    shutil.rmtree(MODELS)
    restart()


def _program_damaged() -> None:
    for path in (APP / "agent/app").rglob("reload.*"):
        path.write_bytes(b"")
    restart()


def _log_damaged() -> None:
    stop()
    with LOG.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(100)
        file.write(os.urandom(max(4096, size - 100)))
    restart()


FAULTS = (
    Fault(
        name="disk full",
        make=_full,
        found=r"disk.*full",
        remedy=r"[Dd]elete",
        cause=r"full|disk_low|log_volatile",
        told=r"[Dd]elete files",
        hands=lambda _: _FILM.unlink(),
        lingers="disk_low",
    ),
    Fault(
        name="card read-only",
        make=_read_only,
        found=r"disk.*read-only",
        remedy=r"worn out",
        cause=r"[Rr]ead-only",
        hands=lambda _: run("mount", "-o", "remount,rw", str(STATE)),
    ),
    Fault(
        name="recording gone",
        make=_recording_gone,
        found=r"camera.*no such file",
        remedy=r"put the recording",
        cause=r"no such file",
        told=r"check the path",
        hands=back(RECORDING),
    ),
    Fault(
        name="recording unreadable",
        make=closed(RECORDING),
        found=rf"camera.*{RECORDING}.*{_CLOSED}",
        remedy=r"chmod",
        cause=rf"{RECORDING}.*{_CLOSED}",
        told=r"chmod|permissions",
    ),
    Fault(
        name="recording in /home",
        make=_in_home,
        found=rf"camera.*{HOME}",
        remedy=r"set source under \[camera\] to /srv/hall\.mp4",
        cause=rf"{HOME}",
        told=r"nothing in /home is there for the service",
        hands=lambda _: edit(str(HOME / RECORDING.name), "/srv/hall.mp4"),
    ),
    Fault(
        name="weights deleted",
        make=_weights_deleted,
        found=r"weights.*yolox_nano\S*onnx.*not there",
        remedy=_FETCH,
        cause=r"yolox_nano",
        told=_FETCH,
    ),
    Fault(
        name="weights corrupt",
        make=_weights_corrupt,
        found=r"weights.*yolox_nano\S*onnx.*(sha256|damaged|whole)",
        remedy=_FETCH,
        cause=r"yolox_nano",
        told=_FETCH,
    ),
    Fault(
        name="weights unreadable",
        make=_weights_closed,
        found=rf"weights.*{_CLOSED}",
        remedy=r"chmod|models fetch",
        cause=rf"yolox_nano.*{_CLOSED}",
        told=r"chmod|models fetch",
    ),
    Fault(name="weights made under umask 077", make=_weights_by_umask, found=None),
    Fault(
        name="weights' folder missing",
        make=_no_weights_folder,
        found=r"weights.*manifest",
        remedy=r"[Ii]nstall presence-agent again",
        cause=r"manifest",
        told=r"install presence-agent again",
        hands=back(MODELS),
    ),
    Fault(
        name="program damaged",
        make=_program_damaged,
        found=r"service.*installation is damaged",
        remedy=r"[Ii]nstall presence-agent again",
        cause=r"installation is damaged",
        told=r"[Ii]nstall presence-agent again",
        hands=back(APP / "agent"),
    ),
    Fault(
        name="log damaged",
        make=_log_damaged,
        found=r"log.*damaged",
        remedy=r"log export",
        cause=r"damaged",
        told=r"log export",
    ),
    Fault(
        name="state folder of root",
        make=lambda: run("chown", "-R", "root:", str(STATE)),
        found=rf"presence-agent.*{STATE}",
        remedy=r"chown",
    ),
    Fault(
        name="configuration unreadable",
        make=closed(CONFIG),
        found=rf"configuration.*agent\.toml.*{_CLOSED}",
        remedy=r"chmod",
        cause=rf"agent\.toml.*{_CLOSED}",
        told=r"chmod",
    ),
    Fault(
        name="configuration: a quote",
        make=changed('site = "que-phong"', 'site = "que-phong'),
        found=r"configuration.*line 2",
        remedy=r"[Cc]orrect",
        cause=r"agent\.toml.*line 2",
        told=r"systemctl restart",
        hands=back(CONFIG),
    ),
    Fault(
        name="configuration: a key",
        make=changed("min_dwell_s", "min_dwel_s"),
        found=r"configuration.*min_dwel_s",
        remedy=r"[Cc]orrect",
        cause=r"min_dwel_s",
        told=r"systemctl restart",
        hands=back(CONFIG),
    ),
    Fault(
        name="configuration: a value",
        make=changed("[1.0, 1.0]", "[1.0, 7.0]"),
        found=r"configuration.*polygon",
        remedy=r"[Cc]orrect",
        cause=r"polygon",
        told=r"systemctl restart",
        hands=back(CONFIG),
    ),
    Fault(
        name="configuration: the time zone",
        make=changed("Ho_Chi_Minh", "Ho_Chi_Min"),
        found=r"configuration.*timezone",
        remedy=r"[Cc]orrect",
        cause=r"timezone",
        told=r"systemctl restart",
        hands=back(CONFIG),
    ),
)
