"""Command `presence-agent reload`, which the service's unit calls."""

from __future__ import annotations

from pathlib import Path

_USUAL = Path("/run/presence-agent")


def reload(process: int, /) -> int:
    """Have a running agent read its changed configuration; exit code 2 and the sentence if it is refused.

    `systemctl reload presence-agent` does this. PROCESS is the agent's.
    """
    from agent.device.reload_answers import ask
    from agent.device.systemd import runtime_folder

    ask(process, runtime_folder() or _USUAL)
    return 0
