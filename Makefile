# Two commands: `make study` runs the demo from nothing to a verdict; `make test` checks the project.
PYTHON ?= python3
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
export MLFLOW_LOGGING_LEVEL ?= ERROR
export MLFLOW_DISABLE_TELEMETRY ?= true

.DEFAULT_GOAL := help
.PHONY: help setup study ui verify data-verify dictionary picture docs test test-all lint bench clean

help:  ## Show these lines
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## /  make \1|/' | column -t -s '|'

setup: .venv/.runtime  ## Make .venv with the pinned packages

study: .venv/.runtime  ## Run the demo study: data, searches, finals, registry, verdict
	@mlflow run . --env-manager local

ui: .venv/.runtime  ## Open the MLflow UI on this folder's store
	@mlflow ui

verify: .venv/.runtime  ## Check Python, packages, device, memory, disk, store and data
	@python -m entrypoints.verify

data-verify: .venv/.runtime  ## Check every file of data/ against its manifest
	@python -m entrypoints.verify --part=data

dictionary: .venv/.runtime  ## Write docs/data_dictionary.md anew
	@python -m docs.generate.dictionary

picture: .venv/.runtime  ## Draw the pictures of docs/architecture.md anew
	@python -m docs.generate.house

docs: .venv/.docs  ## Build the documentation site, strictly, into build/site
	@NO_MKDOCS_2_WARNING=1 mkdocs build --strict --config-file docs/site/mkdocs.yml
	@echo "Open build/site/index.html; or, for the search box too: python -m http.server -d build/site"

test: .venv/.dev lint  ## Lint, types and all quick tests: what CI runs
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow"

test-all: .venv/.dev lint  ## Every test: kills, servers and whole studies too
	$(BIN)/python -m pytest -n 2 --dist worksteal

lint: .venv/.dev  ## ruff and mypy --strict
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: .venv/.dev  ## Run the benchmarks (minutes); results go to docs/benchmarks.md by hand
	$(BIN)/python benchmarks/tracking_cost.py
	$(BIN)/python benchmarks/interval_coverage.py
	$(BIN)/python benchmarks/query_speed.py
	$(BIN)/python benchmarks/features_speed.py
	$(BIN)/python benchmarks/data_speed.py
	$(BIN)/python benchmarks/laws_speed.py
	$(BIN)/python benchmarks/analyze_speed.py
	$(BIN)/python benchmarks/threads.py
	$(BIN)/python benchmarks/engine_speed.py
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/search_overhead.py
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/workers_speed.py
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/multi_fidelity.py
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/pooled_memory.py
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/baselines_by_tier.py

clean:  ## Remove .venv and caches; data and the store stay
	rm -rf .venv build .mypy_cache .pytest_cache .ruff_cache .hypothesis

.venv/.runtime: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "finscale: expected Python 3.11 or newer; got " + sys.version.split()[0] + ". Give another: make study PYTHON=python3.11")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing the pinned packages into .venv (minutes, once) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

.venv/.dev: .venv/.runtime
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[dev]"
	@touch $@

.venv/.docs: .venv/.runtime
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[docs]"
	@touch $@
