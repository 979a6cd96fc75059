"""What installers run."""
