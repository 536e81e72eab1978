# `make help` lists what there is. Everything runs in .venv, made on first use.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
SEED ?= 1
# python-ldap is built from source, so it is installed where the headers are.
LDAP := $(if $(and $(wildcard /usr/include/ldap.h),$(wildcard /usr/include/sasl/sasl.h)),$(shell printf ,ldap))
DEMO_STUDIO ?= $(if $(CI),0,1)
export OMP_NUM_THREADS ?= 2

.DEFAULT_GOAL := help
.PHONY: help install demo test test-databases test-extras lint format messages bench clean

help: ## List the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

install: $(STAMP) ## Make .venv and install Limbeck with everything development needs

$(STAMP): pyproject.toml constraints.txt assets/package-lock.json assets/icons.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q --disable-pip-version-check -c constraints.txt -e ".[dev$(LDAP)]"
	$(BIN)/python assets/copy_assets.py
	@touch $@

demo: $(STAMP) ## Train, evaluate, export and predict on real Chinese reviews (3 minutes), then run the studio (not with DEMO_STUDIO=0, nor in CI)
	$(BIN)/limbeck demo
	@[ "$(DEMO_STUDIO)" = 0 ] || LIMBECK_HOME=demo-out/studio $(BIN)/limbeck studio --bundle demo-out/ngram --review demo-out/questions.csv

test: $(STAMP) ## Run the tests on all cores, in the order of SEED (ARGS="tests/data -x" for a part)
	OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n logical --maxprocesses 8 --dist worksteal \
		--randomly-seed=$(SEED) $(ARGS)

test-databases: $(STAMP) ## Run the studio's tests on MariaDB and PostgreSQL, where they are installed
	scripts/databases_test $(BIN)/python

test-extras: $(STAMP) ## Run the tests that need Ray, object storage or KServe, in .venv-extras (900 MB more)
	scripts/extras_test $(BIN)/python

lint: $(STAMP) ## Check style, types and import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP) ## Put the code into its standard form
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

messages: $(STAMP) ## Compile the message catalogues after a change of a .po file
	$(BIN)/pybabel -q compile -d src/limbeck/messages/locale -D limbeck
	$(BIN)/pybabel -q compile -d src/limbeck/studio/locale -D django

bench: $(STAMP) ## Measure and write docs/results.md (ONLY=name for one benchmark)
	$(BIN)/python benchmarks/run.py $(ONLY)

clean: ## Remove what was made: the environment, caches, the demo's output
	rm -rf $(VENV) .venv-extras demo-out build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	rm -rf src/*.egg-info
