# The fleet of workers, simulated from the templates: what it takes, what it costs, whether it is true.
.PHONY: fleet fleet-docs fleet-times fleet-validate

fleet: synth ## Simulate the workers of ENV: drain time, cost and losses by strategy
	@$(PY) -m audit fleet cdk.out/$(ENV)

fleet-docs: ENV = prod
fleet-docs: synth ## Simulate prod anew and bring tables and plots of docs/fleet.md up to date
	@$(PY) -m audit fleet cdk.out/$(ENV) --docs docs

fleet-times: setup ## Measure processor seconds per image, for the simulation
	@$(PY) -m bench.fleet times

fleet-validate: setup setup-aws ## Predict how long a real local worker takes to drain a queue, then measure it
	@$(PY) -m bench.fleet validate
