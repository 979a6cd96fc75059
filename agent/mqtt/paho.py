"""Imports of paho-mqtt (2.1 or newer); a missing or older one ends in a sentence."""

from __future__ import annotations

from agent.errors import ConfigError

try:
    import paho.mqtt.client as paho
    from paho.mqtt import MQTTException
    from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
    from paho.mqtt.packettypes import PacketTypes
    from paho.mqtt.properties import Properties
except ImportError as missing:
    raise ConfigError(
        "This needs paho-mqtt 2.1 or newer, and finds an older one or none: pip install 'paho-mqtt>=2.1'."
    ) from missing

__all__ = ["CallbackAPIVersion", "MQTTErrorCode", "MQTTException", "PacketTypes", "Properties", "paho"]
