"""Check of updates: how long ago the index of the archive that they come from was signed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from agent.device.updates import followed_suite, index_signed_at
from agent.doctor.report import Finding

if TYPE_CHECKING:
    from agent.doctor.system import Emit, System

# It is signed each week; apt refuses it after four.
OLD_DAYS = 14


def updates_check(machine: System, emit: Emit) -> None:
    """Check the age of the archive's index, where the device has an archive.

    Args:
        machine: where to look.
        emit: takes the finding.
    """
    suite = followed_suite(machine.root)
    if suite is None:
        emit(Finding("updates.by_hand"))
        return
    signed_at = index_signed_at(suite, machine.root)
    if signed_at is None:
        emit(Finding("updates.none", {"suite": suite}))
        return
    # A clock that is behind makes it younger than nothing.
    days = max(0, (datetime.now(UTC) - signed_at).days)
    values = {"suite": suite, "days": days, "day": f"{signed_at:%Y-%m-%d}"}
    emit(Finding("updates.old" if days > OLD_DAYS else "updates.ok", values))
