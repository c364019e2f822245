# SPDX-License-Identifier: Apache-2.0
#
# Each target first installs what it needs and lacks (.ci/setup.sh), and says so.

SHELL := /bin/bash
PY := .venv/bin/python

# Extra arguments, e.g. make test TEST_ARGS="tests/unit -k health"
TEST_ARGS ?=
DEMO_ARGS ?=
BENCH_ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup demo test bench lint fix proto verify-proto wheel clean distclean

help: ## show this list
	@echo "xdpair: make TARGET"
	@sed -n 's/^\([a-z-]*\):.*## /  \1\t/p' $(MAKEFILE_LIST) | expand -t 18

demo: ## real traffic, a failover and a failback, with figures (root; DEMO_ARGS="--json FILE")
	@.ci/setup.sh system
	@$(PY) -m tests.lab.demo $(DEMO_ARGS)

test: ## every test, packet and end-to-end ones included (root; TEST_ARGS=...)
	@.ci/setup.sh system
	@XDPAIR_REQUIRE_BPF=1 $(PY) -m pytest --durations=15 --session-timeout=2400 $(TEST_ARGS)

bench: ## figures as a table and build/bench.json (root; BENCH_ARGS="--only packet")
	@.ci/setup.sh system bench
	@$(PY) -m tests.bench $(BENCH_ARGS)

lint: ## ruff, mypy, clang-format, buf, shellcheck, generated code up to date
	@.ci/setup.sh
	@.ci/lint.sh

fix: ## format Python and C, and fix what ruff can fix
	@.ci/setup.sh
	@.ci/lint.sh --fix

proto: ## regenerate control/xdpair/api from proto/
	@.ci/setup.sh
	@.ci/proto.sh

verify-proto: ## check that control/xdpair/api is what `make proto` writes
	@.ci/setup.sh
	@.ci/proto.sh --check

wheel: ## build dist/xdpair-*.whl
	@.ci/setup.sh
	@$(PY) -m hatchling build -t wheel

setup: ## only install what demo and test need
	@.ci/setup.sh system

clean: ## remove build results and caches (the virtual environment stays)
	rm -rf build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find control tests -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean ## clean, and remove the virtual environment too
	rm -rf .venv
