"""Right to read the centre's tables, for PostgreSQL's role `presence_read`; only their owner writes.

The keeper of the database makes the role. With SQLite the mode of the file says who reads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from agent.central.database.tables import VIEWS, metadata, own

if TYPE_CHECKING:
    from sqlalchemy import Connection

READERS: Final = "presence_read"
# Alembic's: a reader looks first whether it knows this form.
_FORM: Final = "alembic_version"


def grant_reading(connection: Connection) -> bool:
    """Let the role read everything but the receiver's own secrets; False: there is no such role.

    Args:
        connection: of the owner, in a transaction.
    """
    if connection.dialect.name != "postgresql":
        return False
    there = text("SELECT 1 FROM pg_roles WHERE rolname = :name")
    if connection.execute(there, {"name": READERS}).scalar_one_or_none() is None:
        return False
    quoted = connection.dialect.identifier_preparer.quote
    names = [name for name in (*metadata.tables, *VIEWS, _FORM) if name != own.name]
    connection.exec_driver_sql(f"GRANT SELECT ON {', '.join(map(quoted, names))} TO {READERS}")
    connection.exec_driver_sql(f"REVOKE ALL ON {quoted(own.name)} FROM {READERS}")
    return True
