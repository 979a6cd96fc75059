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


CAMERA_MISSING = Entry("the camera can't be opened, trying again: %s", "13b87634e36843268bffff1564a963c9")
CAMERA_STALLED = Entry("the camera gives no frames (%s); %s", "0b773354441e4e68a7f783c77771e06c")
CAMERA_BACK = Entry("the camera gives frames again after %d s", "d8964d9eb98041bcb3efea1aea1e4668")
CAMERA_NOT_CLOSED = Entry(
    "the camera could not be closed; the agent ends and is started again", "6ca3607e18604631a054a936a6ef5d6b"
)
CAMERA_BLIND = Entry(
    "the camera can't see (%s); until it does, nobody is counted", "5ac3219002c04c649ac76bf2cd454e47"
)
CAMERA_SEES = Entry("the camera sees again", "425975c812864931ac732d31d2c255b9")
CAMERA_NIGHT = Entry(
    "it is dark, outside working hours; until there is light, nobody is counted",
    "e8fa20accd36402696858b944e0b3020",
)
CONFIG_RELOADED = Entry("the configuration was read again; changed: %s", "e1b212a97f544da1b6722cfbb748457d")
CONFIG_REFUSED = Entry(
    "the changed configuration is not used, the old one stays: %s", "ba426c7f5cc94cd797a4e4ca96de8197"
)
CONFIG_BEGINS_ANEW = Entry(
    "the changed configuration needs a new beginning: %s", "0fd59b252bb3403aa8acbb3281ef9926"
)
READY = Entry("ready: it sees and logs", "6957404d0bf8441582c7af9841d5d0a4")
STOPS = Entry("stops: %s", "2fd9b1f4759b427a8521ecc5ac8fdc38")
HEALTH = Entry("health verdict=%s reasons=%s", "7a99d08b599c451e9b0b4708058541a3")
CARD_WEAR = Entry("the card is worn: %s", "adc06dab9bd04f2e9bc2444306b277fa")
CLOCK_SYNCHRONISED = Entry("the clock is synchronised", "47c3b3ad9b5548a498025b0dc578e4e4")
CLOCK_STEPPED = Entry("the clock was set by %.1f s", "03c0900aa9b044f4b2bd4a3fe35b8138")
LOG_GOOD = Entry("the daily check found the event log good", "96e18a744eff4a92b6ff23241cd99ce3")
LOG_BAD = Entry("the daily check found the event log bad: %s", "d5cb3b9c39cc4a31a467dcc0f9dd035e")
