"""`presence-agent doctor`: looks at everything that the agent needs and says what to do about it."""

from agent.doctor.bundle import write_bundle
from agent.doctor.inside import as_json as findings_json
from agent.doctor.inside import ask_inside
from agent.doctor.report import Finding, Report
from agent.doctor.run import examine
from agent.doctor.system import System

__all__ = ["Finding", "Report", "System", "ask_inside", "examine", "findings_json", "write_bundle"]
