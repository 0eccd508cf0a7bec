# Recipes name everything relative to this folder, so that a path with a space does no harm.
.DEFAULT_GOAL := help
PY := .venv/bin/python

# `make try TRY_ARGS="'my table.csv' --target price --exit"`: the shell reads the quotes.
TRY_ARGS ?=
# `make test TEST_ARGS="tests/kernel -x"`
TEST_ARGS ?=
AUDIT_ARGS ?=
# Three pytest processes for every two cores, by default, since tests wait as well; all share one PostgreSQL.
TEST_PROCESSES ?= $(shell echo $$(( ($$(nproc) * 3 + 1) / 2 )))
TESTING := $(PY) -m pytest --hypothesis-profile=ci -n $(TEST_PROCESSES) --maxprocesses 8 --dist worksteal
# Which part of the deep tests: `make test-deep SHARD=2/6`; without it, all of them.
SHARD ?= 1/1
COVERAGE_PERCENT_MIN := 90
# pytest's, when a part holds no test
NO_TEST_CODE := 5
CHECKS := lint format types imports tidy licences lock-current audit web-lint web-types web-test web-lock api-types-current

.PHONY: help
help: ## What can be made
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 16

.PHONY: setup-hub setup-dev
setup-hub:
	@sh scripts/setup.sh hub
setup-dev:
	@sh scripts/setup.sh dev

.PHONY: try
try: setup-hub ## Set up and go from a table to a live endpoint (TRY_ARGS="other.csv --target price --exit")
	@.venv/bin/lyceum try $(TRY_ARGS)

.PHONY: test
test: setup-dev ## Set up and run the suite (TEST_ARGS="tests/kernel -x")
	@$(TESTING) -m "not deep and not soak" $(TEST_ARGS)

.PHONY: coverage
coverage: setup-dev ## Run the suite and count the lines it ran, in the processes it starts as well
	@rm -f .coverage .coverage.*
	@$(TESTING) --cov --cov-report= -m "not deep and not soak" $(TEST_ARGS)
	@$(PY) -m coverage report --fail-under=$(COVERAGE_PERCENT_MIN)

.PHONY: test-deep
test-deep: setup-dev ## The wide matrices (SHARD=2/6 for a part of them)
	@$(PY) -m pytest -m "deep and not soak" --shard "$(SHARD)" $(TEST_ARGS) || [ $$? -eq $(NO_TEST_CODE) ]

.PHONY: soak
soak: setup-dev ## What takes longest: storms of faults, a large backup, the suite through a pooler and on a fresh Debian (takes root)
	@$(PY) -m pytest -m soak $(TEST_ARGS)

.PHONY: check $(CHECKS)
check: $(CHECKS) ## Lint, types, import contracts, tidiness, licences, locks, advisories; the same of the web app, and its tests

lint: setup-dev
	@.venv/bin/ruff check
format: setup-dev
	@.venv/bin/ruff format --check --quiet || { echo "Run .venv/bin/ruff format." >&2; exit 1; }
types: setup-dev
	@.venv/bin/mypy
	@.venv/bin/mypy scripts bench tests client/tests
imports: setup-dev
	@.venv/bin/lint-imports
tidy: setup-dev
	@$(PY) -m pytest -q tests/test_tidy.py
licences: setup-dev
	@$(PY) scripts/licences.py
lock-current: setup-dev
	@$(PY) scripts/lock.py --check
# AUDIT_ARGS=--must-ask where the advisory services have to be reached
audit: setup-dev
	@$(PY) scripts/audit.py $(AUDIT_ARGS)

web-lint: setup-dev
	@$(PY) scripts/node.py biome check
web-types: setup-dev
	@$(PY) scripts/node.py tsc --noEmit
web-test: setup-dev
	@$(PY) scripts/node.py vitest run
web-lock: setup-dev
	@$(PY) scripts/complete_lock.py --check
api-types-current: setup-dev
	@$(PY) scripts/api_types.py --check

.PHONY: api-types
api-types: setup-dev ## Rewrite the web app's types of the API from the API's own document
	@$(PY) scripts/api_types.py

.PHONY: lock
lock: setup-dev ## Rewrite locks/ from pyproject.toml, with uv (LOCK_ARGS=--upgrade for newer versions)
	@$(PY) scripts/lock.py $(LOCK_ARGS)

.PHONY: bundle
bundle: setup-hub ## Pack everything for an install with no network into dist/
	@$(PY) scripts/bundle.py

.PHONY: clean
clean: ## Remove .venv, caches and what was built; no hub's data
	@rm -rf .venv .cache dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage .coverage.* htmlcov
