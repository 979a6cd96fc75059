"""Migrations of the centre's database (Alembic): a form of before becomes that of now, or stays as it is."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Final

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from agent.central.database.rights import grant_reading
from agent.errors import LogError

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

_FORMS: Final = ScriptDirectory(str(Path(__file__).parent))
# Each start would be told of.
logging.getLogger("alembic").setLevel(logging.WARNING)


def migrate(engine: Engine) -> None:
    """Make the tables, or bring them to the form of now, and say who reads them, in one transaction.

    Raises:
        LogError: they are of a newer version, or no centre's.
    """
    with engine.begin() as connection:
        context = MigrationContext.configure(connection)
        found = context.get_current_revision()
        if found is None and connection.dialect.get_table_names(connection):
            raise LogError(
                "the database has tables that are not the centre's: give it one of its own. A file of "
                "subscriber.py is named in [store] subscriber_file."
            )
        if found is not None and found not in {script.revision for script in _FORMS.walk_revisions()}:
            raise LogError(
                f"the database is of a newer version (form {found}, this one knows {newest()}): install that "
                "version again, or give this one another database."
            )
        for script in reversed(list(_FORMS.iterate_revisions("head", found or "base"))):
            with Operations.context(context):
                script.module.upgrade()
            context.stamp(_FORMS, script.revision)
        grant_reading(connection)


def form(connection: Connection) -> str | None:
    """The form that a database has; None: it has none yet."""
    return MigrationContext.configure(connection).get_current_revision()


def newest() -> str:
    """The form of now."""
    return str(_FORMS.get_current_head())
