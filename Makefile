# All there is to remember: make install serve test lint bench vectors soak (and make lock after a change of
# dependencies). Needs python3 (3.11 or newer), git and make; everything else comes out of requirements.lock.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: help install serve test lint format bench vectors soak lock clean

help:
	@echo "make install   a virtual environment in $(VENV), from requirements.lock with hashes"
	@echo "make serve     the service on 127.0.0.1:8000 (WAARMERK_HOST, WAARMERK_PORT)"
	@echo "make test      the tests; WAARMERK_CORPUS=folder adds those on real files"
	@echo "make lint      ruff and mypy"
	@echo "make format    ruff format"
	@echo "make bench     every figure of docs/benchmarks.md anew; WAARMERK_CORPUS=folder names the real pictures"
	@echo "make vectors   rebuild the golden vectors of the current format version"
	@echo "make soak      the long runs: 200,000 unmarked decodings, thousands of searches, and a served process under load"
	@echo "make lock      resolve the dependencies anew into the two lock files"

install: $(STAMP)

# The stamp is written last: an install that was cut off is done again.
$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Waarmerk needs Python 3.11 or newer; this is %s. Say which to use: make PYTHON=python3.12 install" % sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(STAMP)

serve: install
	$(BIN)/waarmerk serve

test: install
	$(BIN)/python -m pytest

lint: install
	$(BIN)/ruff check waarmerk tests benchmarks
	$(BIN)/ruff format --check waarmerk tests benchmarks
	$(BIN)/mypy

format: install
	$(BIN)/ruff format waarmerk tests benchmarks
	$(BIN)/ruff check --fix waarmerk tests benchmarks

bench: install
	$(BIN)/python -m benchmarks

vectors: install
	$(BIN)/python -m tests.vectors.make_vectors

soak: install
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 $(BIN)/python -m benchmarks.quality.decodes --long --processes 2
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 $(BIN)/python -m benchmarks.quality.nulls --long
	$(BIN)/python -m benchmarks.load.soak
	$(BIN)/python -m benchmarks.report

# One lock for every platform and Python; the second is what a server needs, at the very same versions.
lock: install
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --extra dev \
	    pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header \
	    -c requirements.lock pyproject.toml -o requirements-runtime.lock

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
