"""The event log: SQLite on the card, and what keeps it whole."""
