"""What each command does, and how its stages are built from the configuration."""
