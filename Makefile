# Every target sets up what it needs: on a fresh clone, `make demo` and `make test` are enough.
# ARGS is passed on, as in `make test ARGS='tests/data -x'`.
.PHONY: setup demo docs docs-setup test lint types format format-check check bench-setup bench
.DEFAULT_GOAL := check

ARGS ?=
export PYTHON
BIN := .venv/bin

# One mark per content of the two files that say what to install: setup runs again only when they change.
MARK := .venv/.set-up-$(shell cat pyproject.toml constraints.txt | cksum | cut -d' ' -f1)

setup: $(MARK)
	@:

$(MARK):
	@scripts/setup
	@rm -f .venv/.set-up-* && touch $@

demo: setup
	@$(BIN)/drivetrain demo images $(ARGS)
	@command -v drivetrain >/dev/null || echo 'to type these commands in this shell, first: source .venv/bin/activate'

docs-setup: setup
	@$(BIN)/python -c 'import zensical, mkdocstrings' 2>/dev/null \
		|| $(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[docs]'

docs: docs-setup
	@$(BIN)/python scripts/build_docs.py $(ARGS)

test: setup
	@$(BIN)/python -m pytest $(ARGS)

lint: setup
	@$(BIN)/ruff check
	@$(BIN)/lint-imports
	@$(BIN)/typos

types: setup
	@PYRIGHT_PYTHON_IGNORE_WARNINGS=1 $(BIN)/pyright

format: setup
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

format-check: setup
	@$(BIN)/ruff format --check

check: format-check lint types test

# The peers that drivetrain is measured against, in an environment of their own, and what measures them.
PEERS_MARK := .venv-peers/.set-up-$(shell cksum < benchmarks/peers/requirements.txt | cut -d' ' -f1)
SHARED ?= ../shared

bench-setup: setup $(PEERS_MARK)
	@:

$(PEERS_MARK): | setup
	@scripts/setup-peers
	@rm -f .venv-peers/.set-up-* && touch $@

# One after another, on an otherwise quiet machine: hours. `make bench ARGS=--quick` tries it all in minutes.
BENCHMARKS ?= fine_tune small_sets predict throughput loading startup embedded export serve audit seal label_errors
SIMULATIONS ?= coverage selection watch
bench: bench-setup
	@failed=; for name in $(BENCHMARKS); do \
	    $(BIN)/python benchmarks/$$name.py $(SHARED) $(ARGS) || failed="$$failed $$name"; \
	done; for name in $(SIMULATIONS); do \
	    $(BIN)/python benchmarks/$$name.py $(ARGS) || failed="$$failed $$name"; \
	done; test -z "$$failed" || { echo "not all was measured:$$failed" >&2; exit 1; }
