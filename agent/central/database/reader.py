"""Reader of the centre's database, as it is at one moment; it can't write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from sqlalchemy import Connection, text

from agent.central.database.agents import load_agents
from agent.central.database.engine import make_engine, translated
from agent.central.database.migrations import form, newest
from agent.central.kept import StoredState
from agent.errors import LogError

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

    from agent.central.kept import AgentKept


class DatabaseReader:
    """What is stored, in one transaction from `with` on."""

    def __init__(self, url: URL) -> None:
        """Take where it is."""
        self._url = url
        self._engine = make_engine(url, reading=True)
        self._connection: Connection | None = None

    def __enter__(self) -> Self:
        """Open it.

        Raises:
            LogError: it is not there, can't be read, or is of another form.
        """
        try:
            with translated(self._url):
                self._connection = self._engine.connect().execution_options(isolation_level=self._level())
                found = form(self._connection)
        except LogError:
            self.__exit__()
            raise
        if found != newest():
            self.__exit__()
            if found is None:
                raise LogError(
                    "the database has no tables of a centre; `presence-central receive` makes them."
                )
            raise LogError(
                f"the database has the form {found}, and this version reads {newest()}: `presence-central "
                "receive` of this version brings it to that."
            )
        return self

    def __exit__(self, *_about: object) -> None:
        """Close it."""
        if self._connection is not None:
            self._connection.close()
        self._engine.dispose()

    def _level(self) -> str:
        """One moment for all that is read: SQLite's transactions are so anyway."""
        return "REPEATABLE READ" if self._url.get_backend_name() == "postgresql" else "SERIALIZABLE"

    @property
    def connection(self) -> Connection:
        """In a transaction that only reads."""
        assert self._connection is not None  # noqa: S101 - it is read while it is open
        return self._connection

    def load(self) -> dict[str, AgentKept]:
        """Read what is known of each agent, by site/name."""
        with translated(self._url):
            return load_agents(self.connection)

    def states_now(self) -> list[StoredState]:
        """The last state of each rule, in the order of agents and rules."""
        query = text("SELECT agent, rule, body, why FROM state_now ORDER BY agent, rule")
        with translated(self._url):
            return [StoredState(*row) for row in self.connection.execute(query)]

    def infos_now(self) -> dict[str, str]:
        """The newest `info` of each agent that is not retired."""
        with translated(self._url):
            return {
                row.agent: row.body
                for row in self.connection.execute(text("SELECT agent, body FROM info_now"))
            }

    def refused(self) -> list[tuple[str, str, int]]:
        """What was no message of an agent's: whose, why, and how often."""
        query = text("SELECT agent, why, times FROM refused ORDER BY agent, why")
        with translated(self._url):
            return [(row.agent, row.why, row.times) for row in self.connection.execute(query)]
