"""Installation, packages and examples for central systems."""
