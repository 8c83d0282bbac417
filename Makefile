# LiveOps AI. `make help` lists the targets; each works on a fresh machine with Python 3.11+.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN_STAMP := $(VENV)/.run.stamp
DEV_STAMP := $(VENV)/.dev.stamp

.DEFAULT_GOAL := help
.PHONY: help run dev lint type test fuzz chaos chaos-broken bench quality eval docs clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

# A virtual environment does not survive being moved: then it is made anew.
PLACE := $(VENV)/.place
ifneq ($(wildcard $(PLACE)),)
ifneq ($(shell cat $(PLACE)),$(realpath $(VENV)))
$(VENV)/bin/python $(RUN_STAMP) $(DEV_STAMP): moved
endif
endif
.PHONY: moved
moved:
	@echo "the checkout was moved: $(VENV) is made anew"
	rm -rf $(VENV)

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "LiveOps needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)

# The command `liveops` runs this checkout, from wherever it is called.
define INSTALL_COMMAND
@echo ../../../.. > "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/liveops.pth"
@printf '%s\n' '#!/bin/sh' 'exec "$$(dirname -- "$$(readlink -f -- "$$0")")/python" -P -m liveops "$$@"' > $(BIN)/liveops
@chmod +x $(BIN)/liveops
@cd $(VENV) && pwd -P > .place
endef

$(RUN_STAMP): requirements.lock Makefile | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(INSTALL_COMMAND)
	@touch $@

$(DEV_STAMP): requirements-dev.lock Makefile | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(INSTALL_COMMAND)
	@touch $@ $(RUN_STAMP)

run: $(RUN_STAMP) ## start everything with the demo; Ctrl-C stops it
	$(BIN)/liveops up --demo

dev: $(DEV_STAMP) ## install everything for development

lint: $(DEV_STAMP) ## style, imports, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

type: $(DEV_STAMP) ## mypy --strict
	$(BIN)/mypy

# These run beside the rest, at the lowest priority, and are shown after it.
BESIDE := tests/unit tests/property tests/eval tests/contract tests/deploy
test: lint type ## the whole suite against real local servers
	@shown=$$(mktemp); \
	nice -n 19 $(BIN)/python -m pytest -p no:cacheprovider $(BESIDE) >"$$shown" 2>&1 & beside=$$!; \
	trap 'kill $$beside' INT TERM; \
	$(BIN)/python -m pytest $(BESIDE:%=--ignore=%); first=$$?; \
	wait $$beside; second=$$?; cat "$$shown"; rm "$$shown"; test $$first = 0 && test $$second = 0

fuzz: $(DEV_STAMP) ## the API by its own documents and the decoders, with many more examples
	FUZZ_EXAMPLES=300 $(BIN)/python -m pytest tests/contract tests/property/test_bad_bodies.py

chaos: $(DEV_STAMP) ## kill -9 everything under load for ten minutes, then compare
	$(BIN)/python -m tests.chaos --kills 30 --minutes 10

chaos-broken: $(DEV_STAMP) ## show that the chaos run notices four broken builds
	$(BIN)/python -m tests.chaos.broken

bench: $(RUN_STAMP) ## the project's own benchmarks
	$(BIN)/liveops bench pipeline

quality: $(DEV_STAMP) ## what the detectors say on labelled and on healthy series
	$(BIN)/python -m tests.quality

eval: $(DEV_STAMP) ## how well causes are found: recorded and generated faults
	$(BIN)/python -m tests.eval

docs: ## where the documentation is
	@ls docs/*.md docs/adr/*.md

clean: ## remove what was built; data directories stay
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis *.egg-info build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
