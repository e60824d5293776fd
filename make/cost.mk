# What a month costs.
PROFILE ?= agency
.PHONY: cost cost-docs

cost: synth ## What a month of ENV costs: PROFILE=agency, small-studio, month-of-weddings or a file
	@$(PY) -m audit cost cdk.out/$(ENV) --profile "$(PROFILE)"

cost-docs: setup ## Bring the figures and plots of docs/cost.md and docs/investment.md up to date
	@for environment in dev staging prod; do $(MAKE) --no-print-directory synth ENV=$$environment || exit 1; done
	@$(PY) -m audit.cost.docs cdk.out
