# What a change does, before it is deployed: two commits, or a commit and the working files.
.PHONY: review review-docs

REVIEW ?=
HEAD ?=

review: setup ## What the working files, or commit HEAD, change against commit BASE (HEAD when left out); REVIEW="--json"
	@$(PY) -m stacks.review --base "$(BASE)" --head "$(HEAD)" $(REVIEW)

review-docs: setup ## Make the examples of docs/review.md anew
	@$(PY) -m tests.stacks.review_page

.PHONY: lint-workflows
lint: lint-workflows

lint-workflows: setup ## Workflows: GitHub's schema, and what makes them unsafe
	@$(VENV)/bin/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@$(VENV)/bin/zizmor --offline --quiet --no-progress .github/workflows
