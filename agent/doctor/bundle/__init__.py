"""Support bundle (`presence-agent doctor --bundle`): what remote support needs, and no more."""

from agent.doctor.bundle.archive import write_bundle

__all__ = ["write_bundle"]
