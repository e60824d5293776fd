# The whole platform on this machine. The AWS endpoints pin a botocore of their own, hence a second virtual environment.
VENV_AWS := .venv-aws
AWS_STAMP := $(VENV_AWS)/.up-to-date

.PHONY: setup-aws

setup-aws: $(AWS_STAMP) ## Make .venv-aws, the local AWS endpoints; nothing when up to date

$(AWS_STAMP): requirements-aws.txt | $(STAMP)
	@test -x $(VENV_AWS)/bin/python || $(PY) -m venv $(VENV_AWS)
	@echo "installing the local AWS endpoints into $(VENV_AWS)"
	@$(VENV_AWS)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements-aws.txt
	@touch $@

DATA ?= build/local
TO ?=
.PHONY: backup restore up down manage demo demo-processor clean-local

up: setup setup-aws ## Start the whole platform on this machine; Ctrl-C stops it, DATA=FOLDER chooses where data lie
	@$(PY) -m local up --data "$(DATA)"

down: setup ## Stop the platform that runs in another shell; its data stay
	@$(PY) -m local down --data "$(DATA)"

manage: setup ## An operator's command beside a running platform: make manage RUN="dead_letters list"
	@$(PY) -m local manage --data "$(DATA)" $(RUN)

backup: setup ## Copy the database of the running platform, and keep its log from now on
	@$(PY) -m local backup --data "$(DATA)"

restore: setup ## Bring the stopped platform's database to a moment since its backup: make restore TO=2026-11-29T21:30:00Z
	@$(PY) -m local restore --data "$(DATA)" --to "$(TO)"

demo: setup setup-aws ## Sample RAWs through the whole platform: API, upload, queue, worker, results, download
	@$(PY) -m local demo

demo-processor: setup ## Make sample RAWs, develop them on all cores without any service, write report and contact sheet
	@$(PY) -m processor demo --out build/demo-processor

clean-local: ## Remove the local platform's data
	@if [ -e "$(DATA)/running.json" ] && $(PY) -m local down --data "$(DATA)" 2>/dev/null; then :; fi
	@rm -rf "$(DATA)"
