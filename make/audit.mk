# Proofs over a cloud assembly, and what proves the proofs.
.PHONY: audit audit-oracle audit-mutation audit-docs availability-docs bench-audit

# An environment that does not claim to survive the loss of a zone is not held to it.
CLAIMS_ZONES = grep -q '^high_availability = true' environments/$(ENV).toml

audit: synth ## Prove network, permissions and availability of ENV
	@if $(CLAIMS_ZONES); then once=; points=; else once=--one-zone; points=--tolerate; \
	  echo "$(ENV) does not claim to survive the loss of a zone: single points of failure are listed, not refused"; fi; \
	$(PY) -m audit prove cdk.out/$(ENV) $$once && \
	$(PY) -m audit iam cdk.out/$(ENV) --code . && \
	$(PY) -m audit spof cdk.out/$(ENV) $$points

audit-oracle: ENV = prod
audit-oracle: synth ## Hold the network proofs against real packets through namespaces and nftables; needs root
	@$(PY) -m tests.audit.oracle cdk.out/$(ENV)

audit-mutation: ENV = prod
audit-mutation: synth ## Change every rule, route, statement and count of prod's templates: what do the proofs notice?
	@$(PY) -m tests.audit.mutation cdk.out/$(ENV)

audit-docs: ENV = prod
audit-docs: synth ## Draw docs/audit.svg from the proofs of prod
	@$(PY) -m audit draw cdk.out/$(ENV) --out docs/audit.svg

bench-audit: setup ## Time the proofs of a network of 6 zones, 60 subnets and 500 rules
	@$(PY) -m tests.audit.large

availability-docs: setup ## Bring docs/availability.md and its picture up to date with the templates
	@for environment in dev staging prod; do $(MAKE) --no-print-directory synth ENV=$$environment || exit 1; done
	@$(PY) -m audit.spof.docs cdk.out
