"""`presence-agent doctor --bundle`: what somebody who helps from afar needs, and no more."""

from agent.doctor.bundle.archive import write_bundle

__all__ = ["write_bundle"]
