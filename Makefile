# Every target sets up what it needs: a .venv with the pinned packages, made once.
# Another Python:  make demo PYTHON=python3.12

.DEFAULT_GOAL := help
SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
RUNTIME := $(VENV)/.runtime
READY := $(VENV)/.ready
WORKERS ?= 2

# The first of these that is there and in range; each is asked its version, since python3 may be any.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3.14 python3 python; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 15))' 2>/dev/null && echo $$p && break; done)

PAGES := $(wildcard benchmarks/make_*_page.py benchmarks/make_*_picture.py)
# What docs/performance.md and docs/scaling.md are made of; the others in benchmarks/ are run by themselves.
# BENCHMARKS="pipeline startup" on the command line runs some of them.
BENCHMARKS := startup pipeline features_vs_scipy feature_stages two_threads tree_vs_delaunay cost_against_n model_inference peers \
	http_load scaling stream_memory simulator training

# One process, one thread: the tests share the cores among workers of their own.
export OMP_NUM_THREADS ?= 1
# What was compiled from Python source is kept, in the .venv as well: without it each start takes 6 s longer.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo kernels linked test test-all test-oldest coverage hooks lint types bench attack docs site dist clean

help: ## print this list
	@echo "calcigram: make TARGET"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(RUNTIME) ## train a small model, read the sample clusters twice, write demo/report.html
	$(BIN)/calcigram demo -o demo

test: kernels ## the fast tests (under 10 minutes)
	$(BIN)/python -m pytest -m "not slow" -n $(WORKERS) -q

# Without the tests that limit times: a traced run is slower.
coverage: kernels ## the fast tests, with the branch coverage of src; fails below the floor in pyproject.toml
	$(BIN)/python -m pytest -m "not slow" -n $(WORKERS) -q --ignore=tests/test_linear_time.py --cov --cov-report=term

test-all: kernels ## all tests, the slow ones too (under 45 minutes)
	$(BIN)/python -m pytest -n $(WORKERS) -q

# In a separate environment, with the lowest version of each dependency that pyproject.toml allows. Without the golden
# answers and the baseline pictures: they are what pandas, pydicom, Prometheus and matplotlib make in the pinned versions.
test-oldest: BIN := .venv-oldest/bin
test-oldest: export NUMBA_CACHE_DIR = $(CURDIR)/.venv-oldest/kernels
test-oldest: ## the fast tests with the oldest dependencies that pyproject.toml allows
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv-oldest
	@$(PIP_INSTALL:constraints.txt=constraints-oldest.txt) -e '.[test]'
	@$(BIN)/calcigram warm-up --all
	$(BIN)/python -m pytest -m "not slow" -n $(WORKERS) -q --ignore=tests/test_golden.py --ignore=tests/plots/test_baselines.py

# Compiled once, by one process: kernels that two workers compile side by side may differ in the last bit.
kernels: $(READY) ## compile the kernels
	@$(BIN)/calcigram warm-up --all

# They are kept in the repository, so that a first use need not compile: run this when kernels, Python or numba have changed.
linked: $(READY) ## write the kernels of a first use as bitcode, src/calcigram/_kernels/linked
	$(BIN)/python benchmarks/make_linked_kernels.py

hooks: $(READY) ## run ruff and mypy before each git commit
	$(BIN)/pre-commit install

lint: $(READY) ## style and likely mistakes
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY) ## check the types
	$(BIN)/mypy

bench: $(READY) ## run the benchmarks on a machine that does nothing else (under 12 minutes)
	@$(PIP_INSTALL) -e '.[bench,scale]'
	set -e; for script in $(BENCHMARKS); do $(BIN)/python benchmarks/$$script.py; done

attack: kernels ## attack every entrance, write docs/robustness.md (under 20 minutes)
	cd benchmarks && ../$(BIN)/python -m attack $(ATTACK); code=$$?; \
		../$(BIN)/python make_robustness_page.py && exit $$code

docs: $(READY) ## write the generated pages of docs/ again
	$(BIN)/python benchmarks/make_features_page.py
	set -e; for script in $(PAGES); do $(BIN)/python $$script; done

# Warnings are errors; nothing is fetched. The outputs of notebooks are kept in build/notebooks.
site: kernels ## build the documentation site, build/site/index.html (under 5 minutes)
	$(BIN)/python -m sphinx -W --keep-going -q -j 2 -c docs -d build/doctrees . build/site

# The wheel runs in an environment of its own, in an empty folder; a connection to another machine ends it.
FAR := $(CURDIR)/build/far
dist: $(READY) ## build wheel and sdist in dist/, check both, run the wheel far from the checkout
	rm -rf dist build/far build/work
	$(BIN)/python -m hatchling build -d dist
	$(BIN)/python -m twine check --strict dist/*
	$(BIN)/python -m check_wheel_contents dist/*.whl
	$(PYTHON) -m venv $(FAR) && mkdir -p build/work
	$(FAR)/bin/python -m pip install --quiet --no-compile -c constraints.txt dist/*.whl
	cd build/work && $(FAR)/bin/python -I -c "$$OFFLINE"

define OFFLINE
import socket, sys
connect = socket.socket.connect
def local(self, address):
    assert not isinstance(address, tuple), f"tried to reach {address}"
    return connect(self, address)
socket.socket.connect = local
from calcigram.cli import main
sys.exit(main(["demo"]))
endef
export OFFLINE

clean: ## remove what these targets made, the environment too
	rm -rf $(VENV) .venv-oldest .coverage demo out build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --no-compile: byte-compiling every module of every package takes longer than those used need.
PIP_INSTALL = PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip install --quiet --no-compile -c constraints.txt

$(RUNTIME): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "make: no Python 3.11 to 3.14 found; say PYTHON=/path/to/python3" >&2; exit 2; }
	@echo "Setting up $(VENV) with $$($(PYTHON) --version) (a minute or two, once)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP_INSTALL) -e .
	@touch $@

$(READY): $(RUNTIME)
	@echo "Adding what tests, linter and type checker need (once)"
	@$(PIP_INSTALL) -e '.[dev]'
	@touch $@
