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
