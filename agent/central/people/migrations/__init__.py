"""Migrations of the people database (Alembic): a form of before becomes that of now, or stays as it is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from agent.errors import LogError

if TYPE_CHECKING:
    from sqlalchemy import Engine

_FORMS: Final = ScriptDirectory(str(Path(__file__).parent))


def migrate(engine: Engine) -> None:
    """Make the tables, or bring them to the form of now, in one transaction.

    Raises:
        LogError: they are of a newer version, or something else's.
    """
    with engine.begin() as connection:
        context = MigrationContext.configure(connection)
        found = context.get_current_revision()
        names = set(connection.dialect.get_table_names(connection))
        if names and (found is None or "account" not in names):
            raise LogError("[people] url: that database has tables of something else; give one of its own.")
        if found is not None and found not in {script.revision for script in _FORMS.walk_revisions()}:
            raise LogError(
                f"the people database is of a newer version (form {found}, this one knows "
                f"{_FORMS.get_current_head()}): install that version again."
            )
        for script in reversed(list(_FORMS.iterate_revisions("head", found or "base"))):
            with Operations.context(context):
                script.module.upgrade()
            context.stamp(_FORMS, script.revision)
