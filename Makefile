# osvc: what a person types. `make help` lists it.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest
SOURCES := reconciler tests tools benchmarks

.PHONY: help setup demo demo-down test unit check format style lint types layers golden bench bench-quick bench-pure schemas schemas-fresh wheel mutants reliability soak soak-watch lab lab-image

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: ## .venv with the pinned requirements, and as root the Debian packages that are missing
	@tools/setup.sh

demo: setup ## the example services of services.d/ on engines of their own (root)
	@tools/demo.sh up

demo-down: setup ## stop them, and leave the machine as it was
	@tools/demo.sh down

test: setup ## every test but the lab's; those that need the real machine only as root
	@tools/test.sh $(ARGS)

lab: setup ## virtual machines for what this kernel cannot do (root, docs/lab.md): make lab ARGS="-k power"
	@tools/setup.sh qemu-system-x86 debootstrap
	@$(PYTEST) -m lab -p no:xdist --durations=0 $(ARGS) tests/lab

lab-image: setup ## the root image of the lab's machines, where it is not built yet
	@tools/setup.sh qemu-system-x86 debootstrap
	@$(BIN)/python -m tests.lab.image

unit: setup ## the tests that touch no machine, in parallel
	@$(PYTEST) -q -m "not real" -n auto $(ARGS)

check: setup style lint types layers ## everything that can be known without running it

format: setup ## write the code in the one style
	@$(BIN)/ruff format $(SOURCES)
	@$(BIN)/ruff check --fix-only --quiet $(SOURCES)

style: setup ## whether the code is written in the one style
	@$(BIN)/ruff format --check $(SOURCES)

lint: setup ## ruff
	@$(BIN)/ruff check $(SOURCES)

types: setup ## mypy, strict
	@$(BIN)/mypy

layers: setup ## who may import whom
	@$(BIN)/lint-imports --no-cache

bench: setup ## osvc beside the floor and Compose v2, into docs/performance.md (root): make bench ARGS=--help
	@$(BIN)/python -m benchmarks $(ARGS)

bench-quick: setup ## the same with few containers and runs, without the document
	@$(BIN)/python -m benchmarks --quick $(ARGS)

bench-pure: setup ## the pure parts beside what they cannot do without; no root, no engine
	@$(BIN)/python -m benchmarks.pure $(ARGS)

golden: setup ## write the golden plans and texts again, and show what changed
	@OSVC_GOLDEN=rewrite $(PYTEST) -q tests/plans tests/unit/report tests/unit/spec
	@git --no-pager diff --stat -- tests/plans tests/texts

schemas: setup ## write the published JSON Schemas and docs/keywords.md again
	@$(BIN)/osvc schema --output schemas
	@$(BIN)/python tools/keywords.py --write

schemas-fresh: setup ## whether the published schemas are what the models say
	@fresh=$$(mktemp -d); trap 'rm -r "$$fresh"' EXIT; \
	$(BIN)/osvc schema --output "$$fresh" 2>/dev/null; \
	diff -r schemas "$$fresh" || { echo "error: schemas/ is stale: make schemas" >&2; exit 1; }

wheel: setup ## the wheel and the source archive, into dist/
	@$(BIN)/python -m hatchling build --clean dist

.PHONY: case
case: setup ## make the case file of a failed run a golden: make case FILE=… NAME=…
	@test -n "$(FILE)" || { echo "error: which one? make case FILE=…" >&2; exit 1; }
	@$(BIN)/osvc case replay "$(FILE)" >/dev/null
	@install -D -m 644 -- "$(FILE)" "tests/plans/cases/$(or $(NAME),$(basename $(notdir $(FILE)))).yaml"
	@$(PYTEST) -q tests/plans/test_cases.py

mutants: setup ## osvc with one rule turned round, and whether a test notices: make mutants SAMPLE=12, or all of them (hours)
	@$(BIN)/python -m tools.mutants $(if $(SAMPLE),--sample $(SAMPLE)) $(if $(SEED),--seed $(SEED)) $(if $(ONLY),--only "$(ONLY)")

reliability: setup ## every strike at every step on the real engine (root, hours), into docs/reliability.md: make reliability ARGS="--every 8"
	@$(BIN)/python -m tests.reliability --write docs/reliability.md $(ARGS)

soak: setup ## many more random services and lives, then strikes drawn by lot (root): make soak TIMES=20 MINUTES=30
	@OSVC_SOAK=$(or $(TIMES),20) $(PYTEST) -q --timeout=0 -m "not real" -n 2 tests/properties tests/stateful
	@OSVC_SOAK=$(or $(TIMES),20) $(PYTEST) -q --timeout=0 -m real -p no:xdist tests/properties tests/stateful
	@$(BIN)/python -m tests.reliability --soak --minutes $(or $(MINUTES),30)

soak-watch: setup ## faults by lot under a running watch, into docs/soak.md (root): make soak-watch MINUTES=60 SEED=7 SERVICES=30
	@$(BIN)/python -m tests.soak --minutes $(or $(MINUTES),60) --services $(or $(SERVICES),30) --seed $(or $(SEED),0) --write docs/soak.md
