"""Scheduled functions: an artefact of their own, with SQLModel, and a database role that reaches only what is due."""

import gc

gc.enable()  # a job is no cold start, and may run long
