"""Journal messages of the reasons of health, one each; the catalogue explains them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.core.log_messages import LogMessage
from agent.wire.health import MEANINGS

if TYPE_CHECKING:
    from agent.wire.health import Reason

_IDS: Final[dict[Reason, str]] = {
    "camera_covered": "906e4db8fb2f4f31bf0e3bac43e2a5df",
    "camera_dark": "2613716f644848f3a797415d9d8ee74e",
    "camera_blurred": "95ffddaf9dae41a29e5d7536302689f4",
    "camera_moved": "2856feb7ddfb4635b99ece741aa4b1e0",
    "camera_frozen": "21d1a21b229d4b639bee29de67e52149",
    "camera_lost": "d05383ce9e004047b4c69f7b96bafec0",
    "camera_shifted": "014d9d8d3ef5444fad7702448f9ee589",
    "shift_unknown": "fb773b5dcc044f6790629a22ec6ebf51",
    "clock_unsynced": "4d7ba8ba5a6d426bba7b7f0100f66bfb",
    "log_volatile": "bc75fb42069948e7b1fbef6c4db83c33",
    "log_damaged": "dc856e73ad6d41f0b7edf54d73cede4a",
    "disk_low": "9b3e88a8f05f4e0a9dd604d19b3fc3ee",
    "memory_low": "2aab3d764c4f4b2c8507fe6179d33b27",
    "broker_lost": "b19deed8a4a44e92a316e383835f938f",
    "broker_refuses": "461e9af8f7c34595b6b7409f665863e2",
    "refusals_unseen": "ebcffa7085d9406585e08f16d445fe4d",
    "too_slow": "20f2d494f168491c8d80ef6e78339dc7",
    "too_hot": "058f5433f89a48f883af74211c3d515d",
    "throttled": "9ac21407343b45c58b7b259036c87e8d",
    "under_voltage": "32d5b858952d4bed814e38ef3ca32283",
    "card_errors": "5f2b7c1e9a0d4c3c8e6f4d1b2a7958e3",
    "calendar_refused": "96c91776ed2e4b2698e12801c4e6ca4f",
    "configuration_refused": "0c9b4d5e2f3a4b7f9d61c8a5e4b7d213",
    "certificate_ends": "123ba86fae694143b38390377e79c56e",
    "update_failed": "f6465ce72d354adcbf7a9e2f54a30462",
}
REASON_LINES: Final[dict[Reason, LogMessage]] = {
    reason: LogMessage(f"health {reason}: {MEANINGS[reason]}", message_id)
    for reason, message_id in _IDS.items()
}
