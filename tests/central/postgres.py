"""A PostgreSQL of the tests' own: not root's, on a free port of this machine, gone with its folder."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Self

import pytest
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError

from tests.conftest import free_port
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from sqlalchemy import Engine

_numbers = count(1)


def programs() -> Path | None:
    """Where Debian has the newest server's programs; None: there are none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    return found[-1].parent if found else None


def missing() -> str | None:
    """Why it can't be started here."""
    if programs() is None:
        return "PostgreSQL's server is not installed (Debian: postgresql)"
    if os.geteuid() == 0 and not shutil.which("setpriv"):
        return "PostgreSQL does not run as root, and setpriv (Debian: util-linux) is not here"
    return None


class Postgres:
    """A server; `with` starts it. It can be killed, and started again."""

    def __init__(self, folder: Path | None = None) -> None:
        """Take an empty folder that it may have; otherwise it makes one."""
        self.folder = folder or Path(tempfile.mkdtemp(prefix="presence-postgres-"))
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        # It refuses to be root: any other number will do.
        self._as: list[str] = []
        if os.geteuid() == 0:
            os.chown(self.folder, 65534, 65534)
            self._as = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"]
        self._data = self.folder / "data"

    def __enter__(self) -> Self:
        self._run("initdb", "-D", self._data, "-U", "presence", "-A", "trust", "-E", "UTF8", "--no-sync")
        self.start()
        return self

    def __exit__(self, *_about: object) -> None:
        if self._process and self._process.poll() is None:
            self.stop(signal.SIGINT)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, program: str, *words: str | Path) -> None:
        subprocess.run(
            [*self._as, self._program(program), *words],
            check=True, capture_output=True, timeout=PATIENCE_S, cwd=self.folder,
        )  # fmt: skip

    def _program(self, name: str) -> Path:
        folder = programs()
        assert folder
        return folder / name

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*self._as, self._program("postgres"), "-D", self._data, "-p", str(self.port),
                 "-c", "listen_addresses=127.0.0.1", "-k", self.folder],
                stdout=log, stderr=log, cwd=self.folder, start_new_session=True,
            )  # fmt: skip
        end_s = time.monotonic() + PATIENCE_S
        while not self._answers():
            assert time.monotonic() < end_s, (self.folder / "log").read_text()[-2000:]
            time.sleep(0.05)

    def stop(self, number: signal.Signals) -> None:
        """End it; SIGKILL goes to all of its processes, as they are in sessions of their own."""
        assert self._process
        pid = self._process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        self._process.send_signal(number)
        if number == signal.SIGKILL:
            for child in children:
                with suppress(ProcessLookupError):
                    os.kill(int(child), number)
        self._process.wait(PATIENCE_S)

    def _answers(self) -> bool:
        engine = self.engine("postgres")
        try:
            engine.connect().close()
        except OperationalError:
            return False
        finally:
            engine.dispose()
        return True

    def engine(self, database: str) -> Engine:
        return create_engine(self.url(database), isolation_level="AUTOCOMMIT")

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://presence@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """Its address."""
        name = f"test_{next(_numbers)}"
        engine = self.engine("postgres")
        with engine.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
        engine.dispose()
        return self.url(name)


def need() -> None:
    if why := missing():
        pytest.skip(why)
