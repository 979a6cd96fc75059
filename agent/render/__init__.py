"""Pictures and sentences for people."""
