# The console: what drives a browser through it, and what it says in Korean.
CHROMIUM ?= /usr/bin/chromium
export RAWMILL_CHROMIUM := $(CHROMIUM)
.PHONY: test-console console-pictures console-words console-vendored chromium

chromium:
	@if [ ! -x "$(CHROMIUM)" ] && [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null; then \
	  echo "installing Debian's Chromium"; apt-get update -qq && apt-get install -y -qq chromium fonts-noto-cjk > /dev/null; fi
	@test -x "$(CHROMIUM)" || { echo "no Chromium at $(CHROMIUM): install it, or name another one: make CHROMIUM=/path/to/chrome ..."; exit 1; }

test-console: setup setup-aws $(CDK_STAMP) chromium ## Tests that drive a real browser through the console of a running platform
	@$(PY) -m pytest -p no:xdist -m browser tests/console

console-pictures: setup setup-aws chromium ## Take the pictures of the console in the docs anew
	@$(PY) -m tests.console.pictures

console-words: setup ## Collect what the console says, compile what it says in Korean
	@$(PY) -m tests.console.catalogue

console-vendored: $(CDK_STAMP) ## Copy the scripts of others that the console serves from node_modules
	@cp node_modules/client-zip/index.js service/console/static/console/vendor/client-zip.js
	@cp node_modules/client-zip/LICENSE.txt service/console/static/console/vendor/client-zip.LICENSE.txt
