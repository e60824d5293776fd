# The platform under fire. SIZE=small is what every change can afford, full is what docs/reliability.md shows.
SIZE ?= full
.PHONY: chaos

chaos: setup setup-aws ## Break the running platform, load it, restore it; count what became of every image (SIZE=small: half an hour; CHAOS='--only NAME')
	@$(PY) -m chaos --size $(SIZE) $(CHAOS)

EVIDENCE ?=
.PHONY: evidence

evidence: setup setup-aws ## Kill one thing at a time and measure how it comes back; writes docs/evidence.md (EVIDENCE=--check leaves it alone)
	@$(PY) -m chaos.evidence $(EVIDENCE)
