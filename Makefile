# Every task of the project. `make help` lists them.
PYTHON ?= python3
BIN := .venv/bin
NODE := tools/node_modules/.bin
PREPARE := $(PYTHON) tools/prepare.py
EXPORT := $(BIN)/uv export --quiet --frozen --format requirements.txt --no-emit-project --no-header

# Tests keep their compiled files, whatever the environment says, so that loading the tests takes half as long.
export PYTHONDONTWRITEBYTECODE :=
# Three processes keep two cores busy, because tests often wait for a browser or a server.
PYTEST := $(BIN)/pytest -n 3 --dist worksteal

.DEFAULT_GOAL := help
.PHONY: help serve staff test pytest programs listen install-test unit integration check bench lint types style lock soak papers pictures

help: ## list what make can do
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

serve: ## run the whole site on http://127.0.0.1:8000 (PORT=8001 make serve for another)
	@$(PREPARE) run
	@RJSITE_MODE=development PORT=$${PORT:-8000} exec $(BIN)/rjsite serve

staff: ## write stories in the browser at http://127.0.0.1:8001/staff/ (PORT=8002 make staff for another)
	@$(PREPARE) run
	@PORT=$${PORT:-8001} exec $(BIN)/rjsite staff

test: ## run every test and check (installs browsers and servers they need)
	@$(MAKE) --no-print-directory -j 2 FIRST=programs types pytest

pytest: programs style check ## run every test after the checks of style and content (make test checks types as well)
	$(PYTEST)

programs: ## install the browsers and servers that the tests need
	@$(PYTHON) tests/support/needs.py

listen: ## hear the site with a screen reader in Chromium and Firefox (installs Orca and what it needs)
	@$(PREPARE) dev
	@$(PYTHON) tests/support/needs.py listen
	$(BIN)/pytest tests/listen

pictures: ## keep how pages look now (tests/browser/pictures, trees): look at them before a commit
	@$(PREPARE) dev
	rm -rf tests/browser/pictures tests/browser/trees
	MAKE_PICTURES=1 $(BIN)/pytest tests/browser/test_pictures.py

unit: ## run the unit tests: one module at a time, in ten seconds
	@$(PREPARE) dev
	$(BIN)/pytest tests/unit

integration: ## run the tests of several parts together: databases, git and threads, but no browser
	@$(PREPARE) dev
	$(PYTEST) tests/integration

check: ## check pages, stories, words and facts; names file and line
	@$(PREPARE) run
	$(BIN)/rjsite check

install-test: ## install the site on an empty Debian 12 and 13 (as root), and try all that happens to it
	@$(PREPARE) dev
	$(BIN)/pytest -n 0 --override-ini faulthandler_timeout=1800 tests/install

soak: ## send forms while everything goes wrong (MINUTES=2 SEED=any SIGN_IN=password), and account for each
	@$(PREPARE) dev
	@$(BIN)/python tests/soak.py --minutes $${MINUTES:-2} $${SEED:+--seed $$SEED} --sign-in $${SIGN_IN:-password}

papers: ## make the PDFs again, also those in large print, where their words or look have changed (needs the library Pango)
	@$(PREPARE) dev
	@$(BIN)/python tools/papers.py

bench: ## measure the site against what it is built on (docs/performance.md); writes var/bench.json
	@$(PREPARE) dev
	@PYTHONPATH=tests $(BIN)/python tests/bench.py

lint: ## check types and style
	@$(MAKE) --no-print-directory -j 2 types style

types: ## check the types of Python
	@$(PREPARE) dev
	$(BIN)/mypy

style: tools/node_modules/.package-lock.json ## check the style of Python, templates, style sheet and scripts (needs npm)
	@$(PREPARE) dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/djlint --lint --quiet templates
	$(NODE)/biome lint --config-path=tools static
	$(NODE)/tsc --project tools/tsconfig.json

# `make test` sets FIRST, because npm may be among the programs that it installs.
tools/node_modules/.package-lock.json: tools/package-lock.json | $(FIRST)
	npm --prefix tools ci --ignore-scripts --no-audit --no-fund
	@touch $@

lock: ## choose the newest fitting versions and pin them with their hashes
	@$(PREPARE) dev
	$(BIN)/uv lock --quiet --upgrade
	$(EXPORT) --extra postgres --extra redis --output-file requirements.lock
	$(EXPORT) --all-extras --output-file requirements-dev.lock
