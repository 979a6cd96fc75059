"""Error counts of the card's file systems, as the kernel keeps them; readable inside the service's sandbox.

The kernel's own lines about the card are not: they are for root and for the group systemd-journal. Nor are
the card controller's counters, which are in debugfs.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

_FILE_SYSTEMS = "sys/fs/ext4"
_HOSTS = "sys/class/mmc_host"
# Where the kernel does not tell: a Pi's slot. Its other host is the Wi-Fi's.
_USUAL_HOST = "mmc0"


def errors_counted(root: Path = Path("/")) -> dict[str, int] | None:
    """Errors of each ext4 file system since it was last checked (fsck), by its device.

    The count is in the file system itself: it outlasts a restart. None: there is no ext4 to be asked.
    """
    counted = {}
    for file in sorted((root / _FILE_SYSTEMS).glob("*/errors_count")):
        with suppress(OSError, ValueError):
            counted[file.parent.name] = int(file.read_text())
    return counted or None


def hosts(root: Path = Path("/")) -> frozenset[str]:
    """Names of the controllers with a card in them, such as mmc0."""
    blocks = (root / _HOSTS).glob("mmc*/mmc*:*/block")
    return frozenset(block.parts[-3] for block in blocks) or frozenset({_USUAL_HOST})
