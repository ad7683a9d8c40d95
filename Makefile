# Each command prepares what it needs and is quick the second time. `make` lists them.

.DEFAULT_GOAL := help
.PHONY: help demo test test-services bench chaos lint lock clean
.DELETE_ON_ERROR:

PYTHON ?= python3
PORT ?= 8000
SANDBOX_PORT ?= 8001
export PORT SANDBOX_PORT
unexport DJANGO_SETTINGS_MODULE PYTHONPATH

BIN := .venv/bin
RUN := $(BIN)/python -m
MANAGE := $(BIN)/python manage.py
LOCK := $(BIN)/uv pip compile --quiet --generate-hashes --no-header --no-annotate --universal --python-version 3.11 \
	pyproject.toml

# What must not come from a developer's own settings: checks judge the same everywhere.
CLEAN := env -i PATH="$$PATH" HOME="$$HOME" LANG=C.UTF-8 DJANGO_ENV_FILE=/dev/null
DEVELOPMENT := $(CLEAN) DJANGO_DEBUG=true
PRODUCTION := $(CLEAN) PUBLIC_URL=https://pay.example.com DJANGO_ALLOWED_HOSTS=pay.example.com \
	DJANGO_SECRET_KEY=no-secret-but-as-long-and-varied-as-one-0123456789 HASH_SALT=no-secret-either \
	ENCRYPTION_KEY=$$(printf '0%.0s' $$(seq 64)) AUDIT_KEY=$$(printf '0%.0s' $$(seq 64))

# Translators, the sandbox and the rules of the house are the same whatever the database.
TOUCH_NO_SERVER := contracts sandbox architecture

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1 — /p' $(MAKEFILE_LIST)

demo: .venv/demo.stamp  ## the whole service on embedded defaults; PORT=8000 SANDBOX_PORT=8001
	@exec $(RUN) config.demo

test: .venv/dev.stamp  ## every test; on DATABASE_URL and REDIS_URL where they are set
	@$(RUN) pytest -n 3 -q -m 'not servers' $(ARGS)

test-services: .venv/dev.stamp  ## the tests on a real PostgreSQL and a real Redis
	@export DATABASE_URL="$${DATABASE_URL:-postgres://postgres@127.0.0.1:5432/postgres}"; \
	export REDIS_URL="$${REDIS_URL:-redis://127.0.0.1:6379/15}"; \
	$(RUN) config.services && $(RUN) pytest -n 3 -q -m 'not embedded' $(TOUCH_NO_SERVER:%=--ignore=tests/%) $(ARGS)

chaos: .venv/demo.stamp  ## payments while everything is killed; SEED=1 FORM=full|sqlite MINUTES=10 BY_WORKERS=1
	@exec $(RUN) bench.chaos $(if $(SEED),--seed $(SEED)) $(if $(FORM),--form $(FORM)) $(if $(MINUTES),--minutes $(MINUTES)) $(if $(BY_WORKERS),--by-workers)

bench: .venv/demo.stamp .venv/bench.stamp  ## how fast it is beside others, as ratios; ROUNDS=5 SECONDS=5
	@exec $(RUN) bench.speed $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(SECONDS),--seconds $(SECONDS))

lint: .venv/dev.stamp  ## formatter, linter, types, floors, templates, dependencies, migrations, schema
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(DEVELOPMENT) $(BIN)/mypy .
	$(BIN)/lint-imports --no-cache
	$(BIN)/djlint templates --lint --quiet
	$(BIN)/deptry . --no-ansi
	$(DEVELOPMENT) $(MANAGE) makemigrations --check --dry-run
	$(PRODUCTION) $(MANAGE) check --deploy --fail-level WARNING
	$(DEVELOPMENT) $(MANAGE) spectacular --validate --fail-on-warn --file /dev/null

lock: .venv/dev.stamp  ## pin what pyproject.toml asks for
	$(RUN) pip install --quiet --disable-pip-version-check 'uv~=0.13'
	$(LOCK) --group dev -o requirements/dev.txt
	$(LOCK) -c requirements/dev.txt -o requirements/base.txt
	$(LOCK) -c requirements/dev.txt --group demo -o requirements/demo.txt
	$(LOCK:pyproject.toml=requirements/bench.in) -c requirements/dev.txt -o requirements/bench.txt

clean:  ## what was made here: the environment, caches and the demo's data
	rm -rf .venv var .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Rivals of the bench have an environment of their own: their versions are not ours to choose.
.venv/bench.stamp: requirements/bench.txt | $(BIN)/python
	@echo "Installing requirements/bench.txt …"
	@$(BIN)/python -m venv .venv/bench
	@.venv/bench/bin/python -m pip install -qq --disable-pip-version-check --require-hashes -r $<
	@touch $@

.venv/%.stamp: requirements/%.txt | $(BIN)/python
	@echo "Installing requirements/$*.txt (about a minute the first time) …"
	@$(RUN) pip install -qq --disable-pip-version-check --require-hashes -r $<
	@touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed; name one: make PYTHON=python3.11")'
	@$(PYTHON) -m venv .venv
