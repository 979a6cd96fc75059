"""Messages on updates."""

from __future__ import annotations

from agent.doctor.message_form import DoctorMessage
from agent.locale.language import N_

UPDATES_MESSAGES: dict[str, DoctorMessage] = {
    "updates.ok": DoctorMessage("ok", N_("from {suite}, whose index was signed on {day}")),
    "updates.by_hand": DoctorMessage("ok", N_("by hand: this device has no archive that it takes them from")),
    "updates.old": DoctorMessage(
        "warning",
        N_("the index of {suite} is {days} days old (signed on {day}): newer versions may not arrive here"),
        N_(
            "Run 'sudo apt-get update', with a new stick where there is no network. If it stays as old, "
            "whoever keeps the archive has to run 'bash deploy/archive.sh resign'."
        ),
    ),
    "updates.none": DoctorMessage(
        "warning",
        N_("no index of {suite} was ever fetched: no updates arrive here"),
        N_(
            "Run 'sudo apt-get update', with the stick in its place where there is no network; it says what "
            "is wrong."
        ),
    ),
}
