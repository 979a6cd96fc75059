"""From events to the broker, with nothing lost between."""
