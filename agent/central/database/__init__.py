"""Database of the centre: one set of tables on SQLite and PostgreSQL."""
