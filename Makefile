# Needs python3 (3.11 or newer), git and make. `make` lists the targets.

PYTHON ?= python3
UV ?= uv
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq install --no-input --no-compile --no-deps
LOCKED := --no-build-isolation --use-pep517 --require-hashes -r
COMPILE := $(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --no-header --no-annotate
NOTE := '\# Made by `make lock`; do not edit.'

export PATH := $(CURDIR)/$(BIN):$(PATH)
export DVC_NO_ANALYTICS := 1
export GX_ANALYTICS_ENABLED := false
export MLFLOW_DISABLE_TELEMETRY := true
export MPLBACKEND := Agg

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help repro demo champion data coverage test nightly lint types format clean distclean lock check-python check-git

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' $(firstword $(MAKEFILE_LIST)) | awk -F'|' '{printf "  make %-10s %s\n", $$1, $$2}'

repro: check-git .venv/run.stamp ## install what is needed, then run every stage whose inputs changed, to a registered model
	@dvc repro

demo: .venv/run.stamp ## with the built model: promote, hold, review; a fault is found and rolled back; ask for more: a minute
	@python -m demo

test: .venv/test.stamp ## run the tests, a file a process
	@python -m pytest -n auto --dist loadfile

nightly: .venv/test.stamp ## kill whatever writes, a thousand times on each database and at every step
	@PROMOTION_GATE_KILLS=1000 python -m pytest -s tests/operate -k kill

lint: .venv/test.stamp ## check the style
	@ruff check . && ruff format --check .

types: .venv/test.stamp ## check the types
	@mypy

format: .venv/test.stamp ## put the code in order
	@ruff check --fix . && ruff format .

champion: .venv/run.stamp ## bring the registry's champion to models/champion, where `promotion-gate` looks for it
	@python -m pipelines.register --champion

data: .venv/run.stamp ## rebuild data/raw from Django's release archives (an hour and more; see data/README.md)
	@python -m pipelines.make_data

SERIES ?= 4.2 5.1 5.2 6.0
COVERAGE_PYTHON ?= python3.12
coverage: .venv/run.stamp ## run Django's own suites of SERIES under COVERAGE_PYTHON for data/raw/coverage.csv.gz (an hour each)
	@python -m pipelines.make_data --coverage $(COVERAGE_PYTHON) $(SERIES)
	@python -m pipelines.make_data --fold-coverage

clean: ## remove what stages and tools made; the registry (mlflow.db, mlartifacts), DVC's cache and .venv stay
	@git clean -qfdX -- data/interim data/processed models reports .pytest_cache .hypothesis .mypy_cache \
		.ruff_cache src pipelines tests ':!src/*.egg-info'

distclean: clean ## the same, and the registry, DVC's cache and .venv
	rm -rf mlflow.db* mlartifacts mlruns .dvc/cache .dvc/tmp .venv

lock: ## write the hash locks from pyproject.toml: every platform, no registry's address (needs uv; UPGRADE=--upgrade)
	@echo 'setuptools>=77' | $(COMPILE) $(UPGRADE) -o requirements.txt pyproject.toml - >/dev/null
	@echo 'setuptools>=77' | $(COMPILE) $(UPGRADE) -c requirements.txt -o requirements-build.txt - >/dev/null
	@$(COMPILE) $(UPGRADE) --extra test -c requirements.txt -o requirements-test.txt pyproject.toml \
		$$(sed -n 's/^\([a-z0-9-]*\)==.*/--no-emit-package \1/p' requirements.txt) >/dev/null
	@for lock in requirements.txt requirements-build.txt requirements-test.txt; do \
		{ echo $(NOTE); cat $$lock; } >$$lock.part && mv $$lock.part $$lock; done

# ---- the virtual environment: installed once, again when a lock changes

check-python:
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON): not found; Python 3.11 or newer is needed" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "$$($(PYTHON) -V) is too old; Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "$$($(PYTHON) -V) lacks its venv module; install it (on Debian: apt install python3-venv)" >&2; exit 1; }

check-git:
	@git rev-parse --git-dir >/dev/null 2>&1 || { \
		echo "not a git repository, or git refuses it; DVC needs one: clone the project, or run 'git init' here" >&2; exit 1; }

.venv/made.stamp: | check-python
	@$(PYTHON) -m venv .venv
	@touch $@

.venv/locked.stamp: requirements-build.txt requirements.txt | .venv/made.stamp
	@echo "Installing $$(grep -c == requirements.txt) locked packages into .venv; this takes two minutes or so."
	@$(PIP) $(LOCKED) requirements-build.txt
	@$(PIP) $(LOCKED) requirements.txt
	@touch $@

.venv/run.stamp: pyproject.toml .venv/locked.stamp
	@$(PIP) --no-build-isolation -e .
	@touch $@

.venv/test.stamp: requirements-test.txt .venv/run.stamp
	@$(PIP) $(LOCKED) requirements-test.txt
	@touch $@
