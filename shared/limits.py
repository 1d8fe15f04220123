"""Limits that the database enforces (infra/migrations); tests hold these numbers to what it does.

Those that the code enforces stand beside that code.
"""

LISTS = 500
LABELS = 500
DEPTH = 5
"""Of a subtask, under a task without parent."""
POSITION = 1000
"""Digits of a position: some 5,000 moves into one and the same gap."""
TRASH_DAYS = 30
"""That what was deleted stays in the trash."""
KEPT_HOURS = 24
"""That the answer to an `Idempotency-Key` is kept."""
