# The three commands of a developer's day: make demo, make test, make check.
# Each installs what it needs (see scripts/) and says so.

.DEFAULT_GOAL := help
.PHONY: help demo test test-all check bench lock format clean

bin := .venv/bin
# The tests wait for containers half of the time.
workers := $(shell expr $$(nproc) + 1)
pytest := $(bin)/pytest -q -n $(workers) --dist worksteal
host_scripts := deployctl/compose/host/*.sh deployctl/compose/host/transaction/*.sh
shell_files := tests/host/fake/d* tests/host/fake/fault \
	tests/host/fake/mv tests/host/fake/hurried/timeout
vps_files := $(shell grep -rl '^\#!/bin/sh' tests/vps/rootfs)
bash_files := scripts/* .ci/run tests/faults/gate.sh

help: ## Show what can be made
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 18

demo: ## Run the main job against a throw-away VPS, and show it
	@scripts/ensure-venv
	@scripts/with-docker sh -c 'scripts/ensure-base-image && $(bin)/python -m tests.demo'

test: ## Run all checks and all tests but those of test-all
	@scripts/ensure-venv
	@scripts/ensure-tools
	@$(MAKE) --no-print-directory lint
	@scripts/with-docker sh -c 'scripts/ensure-base-image && scripts/run-tests -m "not thorough"'

test-all: ## Run what test leaves out: more variants and examples, and each fault once
	@scripts/ensure-venv
	@scripts/ensure-tools
	@scripts/with-docker sh -c 'scripts/ensure-base-image && scripts/run-tests \
		--hypothesis-profile thorough -m "thorough or hypothesis"'

.PHONY: test-fresh
test-fresh: ## Set up the demo on bare machines of Debian 12 and 13 (3 minutes)
	@scripts/ensure-venv
	@scripts/with-docker sh -ec 'scripts/ensure-base-image bookworm; scripts/ensure-base-image trixie; \
		$(bin)/pytest -q -n 2 tests/install/fresh_machine.py'

# The main job, putting back, kills, locks, drift, the way back, pruning, signatures: what depends on
# the versions of Docker, Compose and cosign, and on how Docker keeps images.
host_scenarios := tests/vps/test_systems.py $(addprefix tests/e2e/test_,deploy.py rollback.py \
	broken_releases.py least_needed.py locking.py power_cut.py drift.py retention.py signature.py \
	dependencies.py two_projects.py)

.PHONY: test-hosts
test-hosts: ## Run the main scenarios on newer versions of Docker, with each of its image stores
	@scripts/ensure-venv
	@scripts/with-docker sh -ec 'scripts/ensure-base-image forky; for system in forky forky-containerd; do \
		echo "test-hosts: $$system"; $(pytest) --system $$system -m "not thorough" $(host_scenarios); done'

.PHONY: test-faults test-faults-all
test-faults: ## Strike each step of a run with some fault (10 minutes)
	@scripts/ensure-venv
	@scripts/with-docker sh -c 'scripts/ensure-base-image && $(pytest) tests/faults --faults each-step'

PART ?= 1/1
test-faults-all: ## Strike each step of a run with every fault (hours); PART=2/12 for one part
	@scripts/ensure-venv
	@scripts/with-docker sh -c 'scripts/ensure-base-image && $(pytest) tests/faults/test_faults.py \
		--faults all --part $(PART) --results tests/faults/results.jsonl'

check: ## Run the fast checks: format, lint, types, layers, shell, tests without containers
	@scripts/ensure-venv
	@scripts/ensure-tools
	@$(MAKE) --no-print-directory lint
	@$(pytest) -n $$(($$(nproc) * 2)) --hypothesis-profile quick -m "not slow" \
		tests/unit tests/host tests/lint

.PHONY: lint
lint:
	$(bin)/ruff format --check --quiet
	$(bin)/ruff check --quiet
	$(bin)/mypy --no-error-summary
	$(bin)/lint-imports --no-cache >/dev/null || $(bin)/lint-imports
	scripts/lint-host-scripts
	$(bin)/shellcheck $(shell_files) $(vps_files) $(bash_files)
	$(bin)/shfmt -d -i 4 -ci $(host_scripts) $(shell_files)
	$(bin)/shfmt -d -i 2 $(vps_files) $(bash_files)

bench: ## Measure deployctl against one hand-typed SSH session; OPTIONS='…' for it
	@scripts/ensure-venv
	@scripts/with-docker sh -c 'scripts/ensure-base-image && $(bin)/python -m bench $(OPTIONS)'

lock: ## Resolve the locked requirements anew
	@scripts/lock

format: ## Format the code
	@$(bin)/ruff format
	@$(bin)/ruff check --fix
	@$(bin)/shfmt -w -i 4 -ci $(host_scripts) $(shell_files)
	@$(bin)/shfmt -w -i 2 $(vps_files) $(bash_files)

clean: ## Remove what the other targets made here
	rm -rf .venv .coverage .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
