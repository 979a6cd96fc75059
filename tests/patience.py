"""Timeout of tests for what must come."""

# A wait ends when it is there, so patience costs a good run nothing. It is enough on a machine with eight
# other things to do.
PATIENCE_S = 300.0
# How much longer what is bounded may take on such a machine. What a test lets hang hangs for longer.
BUSY_S = 20.0
