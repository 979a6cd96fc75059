"""The command line: arguments, sentences, exit codes."""
