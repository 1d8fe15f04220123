"""How long a test waits for what must come."""

PROCESS_TIMEOUT = 300
"""Seconds after which a program is taken to hang: far more than any takes on a busy machine."""
