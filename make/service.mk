# The service: measurements and pages made from its code.
.PHONY: bench-service service-docs

bench-service: setup setup-aws ## Measure the service on the local platform: answer times, queries, overhead, memory
	@$(PY) -m bench.service

service-docs: setup ## Bring docs/service.md, docs/api-reference.md and docs/security.md up to date with the code
	@$(PY) -m service.reference
	@$(PY) -m tests.service.access.write

.PHONY: migrations-check

migrations-check: setup ## Whether the release before this one could serve with what this one's migrations leave
	@$(PY) -m service.database.check
