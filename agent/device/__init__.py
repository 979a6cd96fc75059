"""The machine: sources of frames and its clocks."""
