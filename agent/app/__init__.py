"""Commands: one module each, and the stages built from the configuration."""
