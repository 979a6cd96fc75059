"""Errors that are reported as one sentence each, with their exit codes.

::

    AgentError                        exit code
    ├── ConfigError   (ValueError)    2   the configuration or an argument
    │   └── CertificateFileError      2   … a certificate or key file that can't be read
    ├── SourceError   (OSError)       2   a recording or camera that can't be read at all
    ├── CameraError   (OSError)       1   a camera that is not there, or gives no frames
    ├── BrokenOffError (OSError)      1   a recording that ends before its end
    ├── ModelError    (OSError)       2   weights missing, cut off or with a wrong hash
    ├── BusyError     (OSError)       2   another agent holds this log
    ├── LogError      (OSError)       1   the event log can't be read or written
    │   └── DamagedError              1   … for what is in it is not what was written
    └── DeliveryError (OSError)       1   a broker that refused or can't be reached
"""


class AgentError(Exception):
    """Root of what the agent reports as one sentence; `exit_code` is what the process ends with."""

    exit_code = 1


class ConfigError(AgentError, ValueError):
    """The configuration or an argument is wrong; `problems` has one sentence for each."""

    exit_code = 2

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class CertificateFileError(ConfigError):
    """A certificate or key file of the configuration can't be read."""


class SourceError(AgentError, OSError):
    """A picture, recording or camera that can't be read at all."""

    exit_code = 2


class CameraError(AgentError, OSError):
    """A camera that is not there, is held by another program, or gives no frames."""


class BrokenOffError(AgentError, OSError):
    """A recording that can be read only in part; what was seen before is kept."""


class ModelError(AgentError, OSError):
    """Weights that are missing, cut off, or not the ones the manifest names."""

    exit_code = 2


class BusyError(AgentError, OSError):
    """Another agent already runs with this event log."""

    exit_code = 2


class LogError(AgentError, OSError):
    """The event log can't be opened, read or written."""


class DamagedError(LogError):
    """What is in the event log is not what was written; it is of use only to somebody who repairs files."""


class DeliveryError(AgentError, OSError):
    """A broker that can't be reached, refused us, or did not take what it was given."""
