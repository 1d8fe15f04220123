"""Scheduled functions: an artefact of their own, with SQLModel, and a database role that reaches only what is due."""
