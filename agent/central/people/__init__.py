"""People and programs that may look: accounts, sessions, screens, tokens, and the log of who looked."""
