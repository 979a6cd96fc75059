"""Diagnosis of a centre (`presence-central doctor`): checks of what it needs, with remedies."""

from agent.doctor.office.run import examine_centre

__all__ = ["examine_centre"]
