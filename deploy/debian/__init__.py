"""Debian packages of the agent."""
