"""From tracks to events, pure."""
