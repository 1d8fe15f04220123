"""What callers send and get. Types are strict: nothing is coerced, nothing unknown is let in."""
