# The front door. Everything runs in .venv, which `make setup` makes from the locked requirements.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.up-to-date
# One more than there are cores: many tests wait for real parts.
JOBS ?= $(shell expr $$(nproc 2>/dev/null || echo 2) + 1)

.DEFAULT_GOAL := help
.PHONY: help doctor setup test docs-check lint format bench pictures lock clean

help: ## What there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

doctor: ## Say what this machine lacks for which command, and how to get it
	@$(PYTHON) -m local.doctor

setup: $(STAMP) ## Make .venv from the locked requirements; nothing when up to date

REQUIREMENTS := requirements.txt requirements-service.txt requirements-tools.txt requirements-infrastructure.txt requirements-local.txt requirements-dev.txt

$(STAMP): $(REQUIREMENTS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and f"Rawmill needs Python 3.11 or newer; $(PYTHON) is {sys.version.split()[0]}. Name another one: make PYTHON=python3.12 ...")'
	@test -x $(PY) || $(PYTHON) -m venv $(VENV)
	@echo "installing the locked requirements into $(VENV)"
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: $(REQUIREMENTS:%=-r %)
	@$(PY) -m processor warm-up
	@touch $@

test: setup setup-aws lint ## All tests but those of test-platform, test-console and image-test, fast ones first
	@$(PY) -m pytest -n $(JOBS) --dist worksteal -m "not platform and not browser and not image"
	@cat build/compliance.txt

test-platform: setup setup-aws ## Tests that start whole workers and the whole platform: kills, outages, walk-throughs
	@$(PY) -m pytest -n $(JOBS) --dist worksteal -m platform

docs-check: setup ## Links, commands, snippets and generated parts of all pages against the code
	@$(PY) -m pytest -q -n $(JOBS) --dist worksteal -m docs

lint: setup ## ruff and strict types
	@$(PY) -m ruff check . && $(PY) -m ruff format --check . && $(PY) -m mypy

format: setup ## Let ruff lay out the code
	@$(PY) -m ruff check --fix . && $(PY) -m ruff format .

bench: setup ## Ratios against named baselines: prints a table, writes build/bench.json and docs/parallelism.md
	@$(PY) -m bench

pictures: setup ## Draw the pictures of the docs anew
	@$(PY) -m bench.pictures

lock: ## Resolve requirements*.in anew into locked requirements*.txt
	@test -x $(VENV)/bin/uv || $(MAKE) setup
	@for part in "" -service -tools -infrastructure -local -aws -image -dev; do \
	  $(PY) -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header requirements$$part.in -o requirements$$part.txt || exit 1; \
	done

include make/infrastructure.mk make/audit.mk make/local.mk make/deploy_local.mk make/service.mk make/image.mk make/cost.mk make/review.mk make/fleet.mk make/chaos.mk make/console.mk

clean: clean-local ## Remove what the targets above made, except the virtual environments
	@rm -rf build cdk.out .pytest_cache .mypy_cache .ruff_cache .hypothesis
