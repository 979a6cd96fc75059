"""The machine: cameras, recordings, clocks, journal, systemd."""
