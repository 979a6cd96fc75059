"""Health of the agent and its device: figures, reasons and verdict."""
