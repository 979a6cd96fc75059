"""Lines for the journal that a technician may meet, each with an id under which a catalogue explains it."""

from __future__ import annotations

from typing import Self


class Entry(str):
    """The wording of a line, with `%s` for what is different each time; log it as any other wording.

    What is in `extra` (`rule`, `reason`) is a field of its own in the journal.

    ::

        CAMERA_LOST = Entry("the camera gives no frames: %s", "0123456789abcdef0123456789abcdef")
        _log.warning(CAMERA_LOST, error, extra={"reason": "lost"})

    Attributes:
        message_id: 32 hex digits, new for each entry and for ever the same (man 7 systemd.journal-fields).
    """

    __slots__ = ("message_id",)
    message_id: str

    def __new__(cls, wording: str, message_id: str) -> Self:
        """Make one from its wording and its id."""
        entry = super().__new__(cls, wording)
        entry.message_id = message_id
        return entry
