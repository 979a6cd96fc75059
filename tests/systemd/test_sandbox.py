"""What keeps each service in its place, written down a second time by hand: nothing of it goes unseen."""

from __future__ import annotations

import pytest

from tests.conftest import ROOT

# What all of them have.
_ALL = {
    "CapabilityBoundingSet": [""],
    "KeyringMode": ["private"],
    "LockPersonality": ["yes"],
    "MemoryDenyWriteExecute": ["yes"],
    "NoNewPrivileges": ["yes"],
    "PrivateTmp": ["yes"],
    "ProtectClock": ["yes"],
    "ProtectControlGroups": ["yes"],
    "ProtectHome": ["yes"],
    "ProtectHostname": ["yes"],
    "ProtectKernelLogs": ["yes"],
    "ProtectKernelModules": ["yes"],
    "ProtectKernelTunables": ["yes"],
    "ProtectSystem": ["strict"],
    "RestrictAddressFamilies": ["AF_UNIX"],
    "RestrictNamespaces": ["yes"],
    "RestrictRealtime": ["yes"],
    "RestrictSUIDSGID": ["yes"],
    "SystemCallArchitectures": ["native"],
    "SystemCallErrorNumber": ["EPERM"],
    "SystemCallFilter": ["@system-service", "~@privileged @resources"],
    "UMask": ["0077"],
}
# What belongs to the agent's own user.
_OWN = {
    "AmbientCapabilities": [""],
    "ProtectProc": ["invisible"],
    "RemoveIPC": ["yes"],
    "StateDirectory": ["presence-agent"],
    "StateDirectoryMode": ["0700"],
    "User": ["presence-agent"],
}
# What talks to nobody.
_ALONE = {"IPAddressDeny": ["any"], "PrivateDevices": ["yes"], "PrivateNetwork": ["yes"]}
WALLS = {
    "presence-agent": _ALL
    | _OWN
    | {
        # Cameras, their buffers, the firmware's mailbox; a broker and RTSP cameras anywhere.
        "DeviceAllow": ["char-media rw", "char-video4linux rw", "char-dma_heap rw", "/dev/vcio rw"],
        "DevicePolicy": ["closed"],
        "RestrictAddressFamilies": ["AF_INET AF_INET6 AF_UNIX AF_NETLINK"],
        "RuntimeDirectoryMode": ["0700"],
        "RuntimeDirectoryPreserve": ["yes"],
        "MemoryHigh": ["350M"],
        "MemoryMax": ["450M"],
        "TasksMax": ["64"],
        # A dump of its memory would hold pictures.
        "CoredumpFilter": ["elf-headers"],
        "LimitCORE": ["0"],
        # Systemd does not start it again where that fixes nothing, and never gives it up otherwise.
        "Restart": ["on-failure"],
        "RestartPreventExitStatus": ["2"],
        "WatchdogSec": ["30"],
        "NotifyAccess": ["main"],
        "PrivateMounts": ["yes"],
    },
    "presence-agent-check": _ALL
    | _OWN
    | _ALONE
    | {"LimitCORE": ["0"], "MemoryMax": ["250M"], "PrivateUsers": ["yes"], "TasksMax": ["32"]},
    # It reads what belongs to the agent's user, and asks systemd to start the agent again.
    "presence-agent-credentials": _ALL
    | _ALONE
    | {"CapabilityBoundingSet": ["CAP_DAC_READ_SEARCH"], "PrivateMounts": ["yes"]},
}


def settings(unit: str) -> dict[str, list[str]]:
    """The service's settings, each with all its values in order."""
    found: dict[str, list[str]] = {}
    section = ""
    for line in (ROOT / "systemd" / f"{unit}.service").read_text().splitlines():
        if line.startswith("["):
            section = line
        name, equals, value = line.partition("=")
        if section == "[Service]" and equals and name.isalpha():
            found.setdefault(name, []).append(value)
    return found


@pytest.mark.parametrize("unit", WALLS)
def test_walls_of_each_service(unit: str) -> None:
    found = settings(unit)
    assert {name: found.get(name) for name in WALLS[unit]} == WALLS[unit]


# What opens a wall that is not named above; the drop-in for chrony is not part of the service.
OPENINGS = {
    "BindPaths", "BindReadOnlyPaths", "ExecPaths", "IPAddressAllow", "ReadWritePaths",
    "PermissionsStartOnly",
}  # fmt: skip


@pytest.mark.parametrize("unit", WALLS)
def test_nothing_opens_a_wall(unit: str) -> None:
    found = settings(unit)
    assert not OPENINGS & found.keys()
    # A command that begins with one of these runs outside of them.
    commands = [
        value for name, values in found.items() if name.startswith("Exec") for value in values if value
    ]
    assert commands
    assert [command for command in commands if command[0] in "+!"] == []
