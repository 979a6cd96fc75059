"""MQTT: connection, session, outbox and publisher."""
