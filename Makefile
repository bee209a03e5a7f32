# `make help` lists what a person types here. Nothing but Python 3.11 or later has to be installed.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
MADE_STAMP := $(VENV)/.made
LOCKED_STAMP := $(VENV)/.locked
RUN_STAMP := $(VENV)/.installed
DEV_STAMP := $(VENV)/.installed-dev
PEERS := .venv-bench
PEERS_STAMP := $(PEERS)/.installed
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input install
LOCK := $(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate --quiet
JGO := M2_REPO=$(CURDIR)/$(VENV)/share/maven JGO_CACHE_DIR=$(CURDIR)/$(VENV)/share/jgo \
	$(CURDIR)/$(BIN)/jgo --ignore-config --resolver python
PYTEST := $(BIN)/python -m pytest
CODE := $(wildcard schemas streams agents projections relaylog simulators bench tests)
ARGS ?=
# Test files run side by side, the longest tiers first; more of them than cores, since most of their time is waiting.
WORKERS ?= 3
SIDE_BY_SIDE := --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder

.PHONY: help
help: ## this list
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/\1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r name text; do \
		printf '  make %-12s %s\n' "$$name" "$$text"; done

.PHONY: run
run: $(RUN_STAMP) ## the whole system on this machine until Ctrl-C (ARGS=--once plays the demo and stops)
	@exec $(BIN)/python -m relaylog.foreground $(BIN)/relaylog up $(ARGS)

.PHONY: setup
setup: $(RUN_STAMP) ## only the set-up: .venv, from the hash-locked requirements.lock

.PHONY: test
test: lint types ## lint, types, and unit, contract, simulation, integration and acceptance tests
	@exec $(PYTEST) $(SIDE_BY_SIDE) -m 'not slow' tests/acceptance tests/simulation tests/integration tests/contract tests/unit $(ARGS)

.PHONY: unit
unit: $(DEV_STAMP) ## only the tests that need no server
	@exec $(PYTEST) tests/unit tests/contract tests/simulation $(ARGS)

.PHONY: test-faults
test-faults: $(DEV_STAMP) ## fault runs on real parts, and the slow tests of the other tiers
	@exec $(PYTEST) -m 'faults or slow' tests $(ARGS)

SEEDS ?= 2000
.PHONY: simulate
simulate: $(DEV_STAMP) ## seeded simulation of the sender, SEEDS=n of them; a failing seed prints and replays exactly
	@exec $(BIN)/python -m tests.simulation --seeds $(SEEDS) $(ARGS)

.PHONY: lint
lint: $(DEV_STAMP) ## ruff: rules and formatting
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)

.PHONY: types
types: $(DEV_STAMP) ## mypy, strict
	$(BIN)/mypy $(CODE)

.PHONY: bench
bench: $(DEV_STAMP) $(PEERS_STAMP) ## every figure, as ratios inside one run, saved under bench/results/
	@exec $(BIN)/python -m bench $(ARGS)

.PHONY: lock
lock: $(DEV_STAMP) ## make the lock files again from pyproject.toml (UPGRADE=1: newest versions)
	$(LOCK) $(if $(UPGRADE),--upgrade) --output-file requirements.lock
	$(LOCK) $(if $(UPGRADE),--upgrade) --extra dev --constraints requirements.lock --output-file requirements-dev.lock
	$(BIN)/uv pip compile --group bench --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --quiet \
		$(if $(UPGRADE),--upgrade) --output-file bench/peers/requirements.lock
	cd relaylog/embedded && { $(JGO) lock --check || $(JGO) lock; }

.PHONY: clean
clean: ## remove .venv, the fetched jars and all caches; data folders stay
	rm -rf $(VENV) $(PEERS) build *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A half-made environment has no stamp, so an interrupted set-up is finished by the next call.
$(MADE_STAMP):
	@python=""; \
	for name in python3.13 python3.12 python3.11 python3.14 python3 python; do \
		if "$$name" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' 2>/dev/null; then python="$$name"; break; fi; \
	done; \
	if [ -z "$$python" ]; then \
		echo "relaylog needs Python 3.11, 3.12, 3.13 or 3.14, and none was found on PATH." >&2; exit 1; fi; \
	echo "==> making $(VENV) with $$("$$python" --version)"; \
	if ! "$$python" -m venv --clear $(VENV); then \
		rm -rf $(VENV); \
		echo "$$python cannot make virtual environments: its venv or ensurepip module is missing." >&2; \
		echo "Install it (on Debian and Ubuntu: the package python3-venv) and try again." >&2; exit 1; fi
	@touch $@

$(LOCKED_STAMP): requirements.lock | $(MADE_STAMP)
	@echo "==> installing what requirements.lock pins (about 400 MB on disk, once)"
	@$(PIP) --require-hashes --requirement requirements.lock
	@touch $@

$(RUN_STAMP): $(LOCKED_STAMP) pyproject.toml
	@$(PIP) --quiet --no-deps --no-build-isolation --config-settings editable_mode=compat --editable .
	@touch $@

$(DEV_STAMP): requirements-dev.lock $(LOCKED_STAMP) | $(RUN_STAMP)
	@echo "==> installing the tools of the tests from requirements-dev.lock"
	@$(PIP) --quiet --require-hashes --requirement requirements-dev.lock
	@touch $@

# What is measured beside relaylog needs other versions of what relaylog needs, so it has an environment of its own.
$(PEERS_STAMP): bench/peers/requirements.lock | $(MADE_STAMP)
	@echo "==> making $(PEERS) with the peers of the benches, from bench/peers/requirements.lock"
	@$(BIN)/python -m venv --clear $(PEERS)
	@$(PEERS)/bin/python -m pip --disable-pip-version-check --no-input install --quiet --require-hashes --requirement bench/peers/requirements.lock
	@touch $@
