"""With what each kind of error ends a command: systemd starts the agent again after 1, and never after 2."""

from __future__ import annotations

import pytest

from agent import errors
from agent.errors import AgentError

# By hand, as the contract has it.
EXIT_CODES = {
    "AgentError": 1,
    "BrokenOffError": 1,
    "BusyError": 2,
    "CameraError": 1,
    "CertificateFileError": 2,
    "ConfigError": 2,
    "DamagedError": 1,
    "DeliveryError": 1,
    "LogError": 1,
    "ModelError": 2,
    "SourceError": 2,
}
KINDS = {
    name: kind
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, AgentError)
}


@pytest.mark.parametrize("name", KINDS)
def test_exit_code(name: str) -> None:
    assert KINDS[name].exit_code == EXIT_CODES[name]


def test_every_kind_is_named() -> None:
    assert KINDS.keys() == EXIT_CODES.keys()
