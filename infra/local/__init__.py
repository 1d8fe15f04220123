"""Everything behind `make dev`. Never packaged."""
