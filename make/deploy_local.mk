# The real deployment, tried on this machine.
.PHONY: deploy-local local-docs

# Elsewhere IMAGE names an image; here it may also say that one is to be built, or that there is none.
deploy-local: IMAGE = build
deploy-local: setup setup-aws $(CDK_STAMP) ## Deploy ENV (dev) to this machine with the real cdk, use it, update it, destroy it; IMAGE=none without Docker
	@$(PY) -m local deploy $(or $(ENV),dev) --image "$(IMAGE)"

local-docs: setup ## Bring the tables of docs/local-deploy.md up to date with the code
	@$(PY) -m local.rehearsal.page
