"""Whether an API keeps the contract, asked from outside: a base URL, tokens, and nothing else.

`make test` asks `make dev` and `make offline`; `make smoke BASE_URL=…` any deployment. There it is the smoke test: its
tasks are those of synthetic users, and it deletes every one, also after a failure. What it leaves are idempotency keys,
which the job of every deployment deletes after a day.
"""
