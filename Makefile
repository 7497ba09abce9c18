# Liên Thông. `make help` lists the targets.
#
#   PYTHON             interpreter for the virtual environment (3.11 or 3.12)
#   VENV               folder of the virtual environment (.venv); the benchmarks have one beside it (.venv-bench)
#   DEMO_PORT          port of the Airflow UI (8080)
#   DEMO_SANDBOX_PORT  port of the simulated province (18080)
#   ONCE=1             end the demo when the table is shown
#   SHUFFLE=7          run the tests in a random order, that of this seed
#   FIELD_SEEDS        how many lives the models of `make test-field` try (24), FIELD_FIRST: the first seed (0)

VENV ?= .venv
export FIELD_SEEDS FIELD_FIRST VENV PYTHON ONCE DEMO_PORT DEMO_SANDBOX_PORT

.DEFAULT_GOAL := help
.PHONY: help demo test test-field lint types failures settings bench lock clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\): .*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 16

demo: ## four exchanges on a real Airflow against a simulated province
	@tools/bootstrap run && exec $(VENV)/bin/python -m lienthong.demo

test: ## lint, types, import rules and all tests
	@tools/bootstrap dev
	@tools/counterparts
	@$(MAKE) --no-print-directory lint types
	$(VENV)/bin/python -m pytest -n auto $(if $(SHUFFLE),--shuffle $(SHUFFLE))

test-field: ## what is too heavy for `make test` (tests/field), about 20 minutes
	@tools/bootstrap dev
	@tools/counterparts
	$(VENV)/bin/python -m pytest --field -v -n 2 tests/field

lint: ## style and import rules
	@tools/bootstrap dev
	$(VENV)/bin/python -m ruff check .
	$(VENV)/bin/python -m ruff format --check .
	$(VENV)/bin/lint-imports

types: ## mypy --strict
	@tools/bootstrap dev
	$(VENV)/bin/python -m mypy

failures: ## write docs/connectors/failures.md from the conformance suite
	@tools/bootstrap dev
	$(VENV)/bin/python -m lienthong.testing.failures docs/connectors/failures.md

settings: ## write docs/connectors/settings.md from the connectors' descriptors
	@tools/bootstrap dev
	$(VENV)/bin/python -m lienthong.testing.settings_page docs/connectors/settings.md

bench: ## measure against the limits of this machine and other tools
	@VENV=$(VENV)-bench tools/bootstrap bench && exec $(VENV)-bench/bin/python benchmarks/run.py

lock: ## pin the dependencies anew (needs uv)
	sh requirements/lock.sh

clean: ## remove the demo's state
	rm -rf .demo
