"""The decisions that every operation shares. Imports nothing of ours from outside this package."""
