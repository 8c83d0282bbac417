# LiveOps AI. `make help` lists the targets; each works on a fresh machine with Python 3.11+.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN_STAMP := $(VENV)/.run.stamp
DEV_STAMP := $(VENV)/.dev.stamp

.DEFAULT_GOAL := help
.PHONY: help run dev lint type test chaos chaos-broken bench docs clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "LiveOps needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)

$(RUN_STAMP): requirements.lock | $(VENV)/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

$(DEV_STAMP): requirements-dev.lock | $(VENV)/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@ $(RUN_STAMP)

run: $(RUN_STAMP) ## start everything with the demo; Ctrl-C stops it
	$(BIN)/python -m liveops up --demo

dev: $(DEV_STAMP) ## install everything for development

lint: $(DEV_STAMP) ## style, imports, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

type: $(DEV_STAMP) ## mypy --strict
	$(BIN)/mypy

test: lint type ## the whole suite against real local servers
	$(BIN)/python -m pytest

chaos: $(DEV_STAMP) ## kill -9 everything under load for ten minutes, then compare
	$(BIN)/python -m tests.chaos --kills 30 --minutes 10

chaos-broken: $(DEV_STAMP) ## show that the chaos run notices four broken builds
	$(BIN)/python -m tests.chaos.broken

bench: $(RUN_STAMP) ## the project's own benchmarks
	$(BIN)/python -m liveops bench pipeline

docs: ## where the documentation is
	@ls docs/*.md docs/adr/*.md

clean: ## remove what was built; data directories stay
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
