"""Messages on the service's memory limits."""

from __future__ import annotations

from agent.doctor.message_form import DoctorMessage
from agent.locale.language import N_

_NOT_IN_FORCE = N_(
    "the kernel enforces none of the service's memory limits (pictures may get onto the card, by swap)"
)
_UNIT_AGAIN = N_(
    "The unit on this device is not this version's, or something beside it changes it (systemctl cat "
    "presence-agent): install presence-agent again, then run 'sudo systemctl restart presence-agent'."
)

LIMITS_MESSAGES: dict[str, DoctorMessage] = {
    "memory.limited": DoctorMessage(
        "ok",
        N_("the service may take {most_mib} MiB, and none of it is swapped"),
    ),
    "memory.controller_off": DoctorMessage(
        "warning",
        N_(
            "the kernel enforces none of the service's memory limits (pictures may get onto the "
            "card, by swap): it was started with cgroup_disable=memory, which a Raspberry Pi's "
            "firmware adds"
        ),
        N_(
            "Add cgroup_enable=memory, behind a space, at the end of the one line of {file}, "
            "then restart the device."
        ),
    ),
    "memory.no_controller": DoctorMessage(
        "warning",
        _NOT_IN_FORCE,
        N_(
            "Add cgroup_enable=memory to the kernel's command line (on a Raspberry Pi the one line of "
            "{file}), then restart the device."
        ),
    ),
    "memory.controller_waits": DoctorMessage(
        "warning",
        N_(
            "the kernel enforces none of the service's memory limits (pictures may get onto the "
            "card, by swap): cgroup_enable=memory is in {file}, but takes effect at the next start"
        ),
        N_("Restart the device."),
    ),
    "memory.controller_refused": DoctorMessage(
        "warning",
        N_(
            "the kernel enforces none of the service's memory limits (pictures may get onto the "
            "card, by swap), though it was started with cgroup_enable=memory"
        ),
        N_("This kernel does not know this parameter: update it, then restart the device."),
    ),
    "memory.no_hierarchy": DoctorMessage(
        "warning",
        N_(
            "the kernel enforces none of the service's memory limits (pictures may get onto the "
            "card, by swap): it was started with the older control groups"
        ),
        N_(
            "Add systemd.unified_cgroup_hierarchy=1 to the kernel's command line (on a Raspberry Pi the "
            "one line of {file}), then restart the device."
        ),
    ),
    "memory.swap_not_counted": DoctorMessage(
        "warning",
        N_("the kernel enforces no limit of swap: pictures may get onto the card"),
        N_(
            "Add swapaccount=1 to the kernel's command line (on a Raspberry Pi the one line of {file}), "
            "then restart the device."
        ),
    ),
    "memory.swapped": DoctorMessage(
        "warning",
        N_("the service may be swapped: pictures may get onto the card"),
        _UNIT_AGAIN,
    ),
    "memory.unlimited": DoctorMessage(
        "warning",
        N_("the service may take all of the memory: a leak would end in a board that hangs"),
        _UNIT_AGAIN,
    ),
    "memory.limits_unknown": DoctorMessage(
        "unknown",
        N_("the service's limits can't be read"),
        N_("Run it as root: sudo presence-agent doctor."),
    ),
}
