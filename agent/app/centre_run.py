"""The centre's services side by side for a trial, a process each, as systemd runs them on a real machine.

What becomes of one of them is said, and stops no other.
"""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Final

from agent.core.own_python import own_path, own_python
from agent.device.signals import stop_signals
from agent.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from agent.central.settings import CentralConfig

_log = logging.getLogger(__name__)

_PROGRAM: Final = "from agent.cli.centre import main; main()"
_LOOK_EVERY_S: Final = 0.2
_AGAIN_AFTER_S: Final = 3.0
_END_S: Final = 15.0


@dataclass(slots=True)
class _Service:
    """One of them.

    Attributes:
        name: the command that serves it.
        words: what is run.
        process: None: it is not running.
        again_s: when it is started again, monotonic; None: not.
    """

    name: str
    words: list[str]
    process: subprocess.Popen[bytes] | None = None
    again_s: float | None = field(default_factory=monotonic)

    def start(self) -> None:
        # A group of its own: Ctrl-C is passed on once, by this process. When this one is killed, it ends too.
        bound = ["setpriv", "--pdeathsig", "TERM", "--"] if shutil.which("setpriv") else []
        self.process = subprocess.Popen(  # noqa: S603 - this same program
            [*bound, *self.words], env={**os.environ, **own_path()}, process_group=0
        )
        self.again_s = None
        _log.info("%s started", self.name)

    def look(self) -> None:
        """Start it where it is time for that; say if it has ended."""
        if self.again_s is not None and monotonic() >= self.again_s:
            self.start()
        if self.process is None or (code := self.process.poll()) is None:
            return
        self.process = None
        if code == ConfigError.exit_code:
            _log.error("%s ended with 2: it can't run as it is set up, and is not started again", self.name)
        else:
            self.again_s = monotonic() + _AGAIN_AFTER_S
            _log.warning("%s ended with %d; it is started again in %d s", self.name, code, _AGAIN_AFTER_S)

    @property
    def is_over(self) -> bool:
        return self.process is None and self.again_s is None

    def end(self) -> None:
        if self.process is None:
            return
        try:
            self.process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def run(config: CentralConfig, path: Path) -> None:
    """Run what the configuration has tables for, until told to stop.

    Args:
        config: as read.
        path: the file it was read from, which each of them reads itself.

    Raises:
        ConfigError: there is nothing to run, or nothing of it can run.
    """
    names = [name for name, table in (("receive", config.mqtt), ("web", config.web)) if table is not None]
    if not names:
        raise ConfigError("there is nothing to run: add [mqtt] to store what comes, [web] to show it.")
    config_words = ["--config", str(path.absolute())]
    services = [_Service(name, own_python("-c", _PROGRAM, name, *config_words)) for name in names]
    with stop_signals() as stop:
        try:
            while not stop.wait(_LOOK_EVERY_S):
                for service in services:
                    service.look()
                if all(service.is_over for service in services):
                    raise ConfigError("nothing runs any more; each of the lines above says why.")
        finally:
            for service in services:
                if service.process is not None:
                    service.process.terminate()
            for service in services:
                service.end()
