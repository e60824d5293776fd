# Synthesis and deployment: one environment at a time, named by ENV.
ENV ?=
NODE := $(VENV)/bin/node
CDK = $(NODE) node_modules/aws-cdk/bin/cdk --app cdk.out/$(ENV)
CDK_STAMP := node_modules/.package-lock.json
export CDK_DISABLE_CLI_TELEMETRY := true

.PHONY: synth diff deploy destroy

$(CDK_STAMP): package.json package-lock.json | $(STAMP)
	@echo "installing the locked CDK command line into node_modules"
	@PATH="$(abspath $(VENV)/bin):$$PATH" $(VENV)/bin/npm ci --silent --no-fund --no-audit
	@touch $@

synth: setup $(CDK_STAMP) ## Write the cloud assembly of ENV to cdk.out/ENV; needs no credentials
	@$(PY) app.py "$(ENV)"
	@$(CDK) synth --quiet

deploy: synth ## Deploy ENV with the credentials of this shell
	@$(CDK) deploy --all --require-approval broadening

destroy: synth ## Take ENV down; refused while it has termination protection
	@$(CDK) destroy --all
