"""Diagnosis of a device (`presence-agent doctor`): checks of all that the agent needs, with remedies."""

from agent.doctor.bundle import write_bundle
from agent.doctor.report import Finding, Report
from agent.doctor.run import examine
from agent.doctor.sandbox import as_json as findings_json
from agent.doctor.sandbox import ask_sandbox
from agent.doctor.system import System

__all__ = ["Finding", "Report", "System", "ask_sandbox", "examine", "findings_json", "write_bundle"]
