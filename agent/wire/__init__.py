"""The contract's payloads: every field that may ever be published."""
