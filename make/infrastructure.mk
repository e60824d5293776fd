# Synthesis and deployment: one environment at a time, named by ENV.
ENV ?=
BASE ?=
NODE := $(VENV)/bin/node
CDK = $(NODE) node_modules/aws-cdk/bin/cdk --app cdk.out/$(ENV)
CDK_STAMP := node_modules/.package-lock.json
export CDK_DISABLE_CLI_TELEMETRY := true

.PHONY: synth diff bootstrap deploy destroy snapshots compliance infrastructure-docs bench-synth

$(CDK_STAMP): package.json package-lock.json | $(STAMP)
	@echo "installing the locked CDK command line into node_modules"
	@PATH="$(abspath $(VENV)/bin):$$PATH" $(VENV)/bin/npm ci --silent --no-fund --no-audit
	@touch $@

synth: setup $(CDK_STAMP) ## Write the cloud assembly of ENV to cdk.out/ENV; needs no credentials
	@$(PY) app.py "$(ENV)"
	@$(CDK) synth --quiet

diff: synth ## Compare ENV with what is deployed, or without credentials with commit BASE (HEAD when left out)
	@$(PY) -m stacks.diff "$(ENV)" --base "$(BASE)" --cdk $(CDK)

bootstrap: synth ## Once per account and region: what the CDK command line needs before it can deploy ENV
	@$(CDK) bootstrap

deploy: synth ## Deploy ENV with the credentials of this shell
	@$(CDK) deploy --all --require-approval broadening

destroy: synth ## Take ENV down; refused while it has termination protection
	@$(CDK) destroy --all

snapshots: setup ## Accept the templates as they are now as reviewed
	@$(PY) -m pytest -q -p no:xdist tests/stacks/test_snapshots.py --snapshot-update

compliance: setup ## Findings of all rule packs in all environments, as a table
	@$(PY) -m stacks.compliance

infrastructure-docs: setup ## Draw the pictures and tables of docs/architecture.md and docs/network.md from the templates
	@$(PY) -m stacks.pictures

bench-synth: setup $(CDK_STAMP) ## Time synthesis against an empty CDK app: prints a table, writes build/bench-synth.json
	@$(PY) -m stacks.bench $(NODE) node_modules/aws-cdk/bin/cdk
