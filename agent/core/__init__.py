"""Pure values: no I/O, standard library and numpy only."""
