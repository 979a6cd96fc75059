"""Which board this is: what tells a card from its copy in another machine, and a Pi from the rest."""

from __future__ import annotations

from pathlib import Path

# A Pi's device tree, then a PC's firmware. /etc/machine-id is copied with the card.
_PLACES = (
    "proc/device-tree/serial-number",
    "sys/class/dmi/id/product_uuid",
    "sys/class/dmi/id/product_serial",
)
# What firmware says where nobody gave the board a number.
_NONE = {"", "none", "default string", "to be filled by o.e.m.", "not specified", "system serial number"}


def serial_number(root: Path = Path("/")) -> str | None:
    """The board's serial number; None: it has none, or it is not to be read."""
    for place in _PLACES:
        try:
            text = (root / place).read_text(errors="replace").strip("\0 \t\r\n")
        except OSError:
            continue
        if text.lower() not in _NONE and set(text) - set("0-"):
            return text
    return None


def model(root: Path = Path("/")) -> str | None:
    """What the board calls itself, such as 'Raspberry Pi 5 Model B Rev 1.0'; None: it does not."""
    try:
        text = (root / "proc/device-tree/model").read_text(errors="replace").strip("\0 \t\r\n")
    except OSError:
        return None
    return text or None
