"""The configuration file: models, types, conflicts, messages, holidays, examples."""
