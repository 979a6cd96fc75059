"""Forms that the tables have had."""
