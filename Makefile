# Two commands on a fresh machine with Python 3.11 or newer: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help demo test check coverage trials docs format bench lock clean

help: ## Show this help
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.demo ## Install, and run the demo study on bundled photographs (1 to 3 minutes)
	$(BIN)/codecstudy demo

test: $(VENV)/.dev ## Install the development environment, and run all tests
	$(BIN)/pytest -n auto --dist worksteal

check: $(VENV)/.dev ## Lint, formatting, types (of the report's scripts, too), and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	@if command -v node >/dev/null && [ -x node_modules/.bin/tsc ]; then \
		echo node_modules/.bin/tsc; node_modules/.bin/tsc; \
	else \
		echo "The report's scripts were not type-checked: this needs Node.js and npm install --no-package-lock"; \
	fi
	$(BIN)/lint-imports

coverage: $(VENV)/.dev ## Run all tests, and show which lines they miss (details in htmlcov/index.html)
	$(BIN)/pytest -n auto --dist worksteal --cov --cov-report=term --cov-report=html

trials: $(VENV)/.dev ## Damaged and hostile input, and kills: prints a table (10 minutes; TRIALS="--only kills --seed 7")
	PYTHONPATH=tests $(BIN)/python -m trials $(TRIALS)

docs: $(VENV)/.dev ## Build the documentation site in site/; a broken link is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

format: $(VENV)/.dev ## Format the code
	$(BIN)/ruff check --fix --select I .
	$(BIN)/ruff format .

bench: $(VENV)/.dev ## Run the benchmarks: end to end against the floor, metrics, memory, scheduler
	$(BIN)/python benchmarks/metrics.py
	$(BIN)/python benchmarks/memory.py
	$(BIN)/python benchmarks/command.py
	$(BIN)/python benchmarks/scheduler.py
	$(BIN)/python benchmarks/pipeline.py

LOCK := $(BIN)/pip-compile --quiet --strip-extras --generate-hashes --allow-unsafe --no-emit-index-url \
	--no-emit-find-links --no-header

lock: $(VENV)/.dev ## Pin the dependencies anew: for development, and for the Dockerfile
	$(LOCK) --extra sample --extra dev --extra docs -o requirements-dev.txt pyproject.toml
	$(LOCK) --extra sample --build-deps-for wheel -c requirements-dev.txt -o requirements.txt pyproject.toml

clean: ## Remove the environment and caches
	rm -rf $(VENV) site htmlcov .coverage* .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# The demo installs from pyproject.toml alone, as a user does; development uses the pinned environment.
$(VENV)/.demo: pyproject.toml | $(BIN)/python
	$(BIN)/pip install --quiet -e '.[sample]'
	@touch $@

$(VENV)/.dev: pyproject.toml requirements-dev.txt | $(BIN)/python
	$(BIN)/pip install --quiet --require-hashes -r requirements-dev.txt
	$(BIN)/pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/.demo
