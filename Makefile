# Everything starts here: `make run` needs python3 (with venv) and make, nothing else.
#
# VENV and PYTHON choose the environment and the interpreter that makes it:
#   make test PYTHON=python3.13 VENV=.venv313

PYTHON ?= python3
VENV ?= .venv
BENCH_VENV ?= .venv-bench
FOREIGN_VENV ?= .venv-foreign
# worksteal: each process gets a stretch of the files, and computes what a module shares once.
# One process more than cores: the live tests mostly wait.
WORKERS := $(shell $(PYTHON) -c 'import os; print(len(os.sched_getaffinity(0)) + 1)' 2>/dev/null || echo auto)
PYTEST_ARGS ?= -q -n $(WORKERS) --dist worksteal

BIN := $(VENV)/bin
SCENARIO := scenarios/flows/ten_steps.yaml
PACKAGES := sim server devices scenarios reports

COMPILE := $(BIN)/uv pip compile pyproject.toml build-requires.txt --quiet --universal \
           --python-version 3.11 --generate-hashes --no-header

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PRECIOUS: %/.airbed-venv
.PHONY: help run test shuffled check lint bench foreign foreign-env postgres live swarm tcp-table conversations fuzz gateways lock env dev-env clean

help:
	@echo "make run      set up $(VENV) and run the ten steps on iOS and Android"
	@echo "make test     set up $(VENV) for development; lint, types, scenario files, tests"
	@echo "make shuffled the tests in a random order, SEED=N in that one again"
	@echo "make check    the same without the tests"
	@echo "make lint     only the linter and the formatter's opinion"
	@echo "make bench    measure the loop, the flows and the fleets (some minutes)"
	@echo "make foreign  clients that others wrote (pushjack, pyfcm, python-gcm, curl) against the live parts"
	@echo "make postgres  the servers' tests on a PostgreSQL of their own, which it starts and stops"
	@echo "make live     all scenarios on real sockets, in real time: about 25 minutes of waiting"
	@echo "make swarm    1,000 seeds of the storms: hundreds of runs a minute, a quarter of an hour"
	@echo "make tcp-table   hold simulated TCP against the kernel's, for docs/tcp.md (as root)"
	@echo "make conversations   random talks over simulated and real sockets, compared (20 min of CPU)"
	@echo "make fuzz     hand in damaged files, options, requests and frames (FUZZ_MINUTES=60 of CPU)"
	@echo "make gateways the shipped scenarios against external gateways, for docs/live.md (20 min)"
	@echo "make lock     write requirements*.lock again from pyproject.toml"
	@echo "make clean    remove environments, caches and run records"
	@echo
	@echo "PYTHON=python3.13 VENV=.venv313 uses another interpreter in an environment of its own."

run: env
	@echo "==> airbed run $(SCENARIO)"
	@$(BIN)/airbed run $(SCENARIO)
	@echo
	@echo "What to try next:"
	@echo "  open one of runs/*/timeline.html      every hop of every message, drawn"
	@echo "  . $(BIN)/activate                 makes airbed a command of this shell; then"
	@echo "  airbed list                           the scenarios that come with Airbed"
	@echo "  airbed run scenarios                  run them all"
	@echo "  make test                             the project's own tests"

test: check
	@echo "==> pytest: the tests"
	@$(BIN)/python -m pytest $(PYTEST_ARGS)
	@echo
	@echo "All tests passed. What to try next:"
	@echo "  make run                     the ten steps, end to end"
	@echo "  make bench                   what the simulated world costs on this machine"
	@echo "  $(BIN)/python -m pytest tests/sim -q    one part of the tests"

shuffled: dev-env
	@seed=$${SEED:-$$($(BIN)/python -c 'import random; print(random.randrange(10**6))')}; \
	echo "==> pytest: the tests in another order; make shuffled SEED=$$seed repeats it"; \
	$(BIN)/python -m pytest $(PYTEST_ARGS) --random-order-bucket=global --random-order-seed=$$seed

check: lint
	@echo "==> mypy: types, strict"
	@$(BIN)/mypy
	@echo "==> airbed check: the scenario files"
	@$(BIN)/airbed check scenarios

lint: dev-env
	@echo "==> ruff: lint and format"
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check . || { \
	    echo "Some files are not formatted: $(BIN)/ruff format ."; exit 1; }

# The loop that we compare with, simloop, needs Python 3.12: take the first such interpreter there is.
bench:
	@python=$$(for p in $(PYTHON) python3.13 python3.12 $$HOME/.pyenv/versions/3.1[23]*/bin/python3; do \
	    $$p -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null && { echo $$p; break; }; done); \
	if [ -n "$$python" ]; then \
	    $(MAKE) --no-print-directory $(BENCH_VENV)/.airbed-bench PYTHON=$$python && \
	    $(BENCH_VENV)/bin/python -m benchmarks.run; \
	else \
	    echo "==> No Python 3.12 or later here: simloop is left out of the comparison"; \
	    $(MAKE) --no-print-directory env && $(BIN)/python -m benchmarks.run; \
	fi

foreign: dev-env foreign-env
	@echo "==> pytest: clients that others wrote"
	@AIRBED_FOREIGN_PYTHON=$(FOREIGN_VENV)/bin/python $(BIN)/python -m pytest -q \
	    tests/foreign/test_curl.py tests/foreign/test_google_clients.py \
	    tests/foreign/test_pushjack.py tests/foreign/test_serve.py

# pushjack needs Python 3.11: take that one if it is there, else the others run without pushjack.
foreign-env:
	@python=$$(for p in $(PYTHON) python3.11 $$HOME/.pyenv/versions/3.11*/bin/python3; do \
	    $$p -c 'import ensurepip, ssl, sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null && { echo $$p; break; }; done); \
	$(MAKE) --no-print-directory $(FOREIGN_VENV)/.airbed-foreign PYTHON=$${python:-$(PYTHON)}

# PostgreSQL's programs are the system's; everything else is here.
postgres: $(VENV)/.airbed-postgres
	@echo "==> pytest: the servers on PostgreSQL"
	@$(BIN)/python tests/postgres.py $(BIN)/python -m pytest $(PYTEST_ARGS) tests/server tests/conformance

live: env
	@echo "==> airbed sweep --live scenarios"
	@$(BIN)/airbed sweep --live scenarios --jobs 16

swarm: env
	@echo "==> airbed sweep scenarios/swarm"
	@$(BIN)/airbed sweep scenarios/swarm --seeds 1..1000

tcp-table: env
	@PYTHONPATH=. $(BIN)/python tests/tcp/table.py && git --no-pager diff --stat -- docs/tcp.md

conversations: dev-env
	@PYTHONPATH=. $(BIN)/python tests/conformance/campaign.py

# FUZZ_MINUTES of CPU; what was tried and found is in runs/fuzz, where the next campaign goes on.
FUZZ_MINUTES ?= 60

fuzz: dev-env
	@PYTHONPATH=. $(BIN)/python tests/fuzz/campaign.py --minutes $(FUZZ_MINUTES) $(FUZZ_ARGS)

# GATEWAYS_ARGS="--times 10": the cells without faults ten times against ours.
gateways: dev-env
	@echo "==> pytest: the longer stories of external gateways"
	@$(BIN)/python -m pytest $(PYTEST_ARGS) -m campaign
	@PYTHONPATH=. $(BIN)/python -m tests.foreign.gateway_table $(GATEWAYS_ARGS) && git --no-pager diff --stat -- docs/live.md

lock: dev-env
	@echo "==> Resolving for Python 3.11 and later, on every platform"
	@$(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")' > build-requires.txt
	@$(COMPILE) -o requirements.lock >/dev/null
	@$(COMPILE) --extra dev -c requirements.lock -o requirements-dev.lock >/dev/null
	@$(COMPILE) --extra bench -c requirements.lock -o requirements-bench.lock >/dev/null
	@$(COMPILE) --extra postgres -c requirements.lock -o requirements-postgres.lock >/dev/null
	@$(BIN)/uv pip compile --group foreign --quiet --universal --python-version 3.11 \
	    --generate-hashes --no-header -o requirements-foreign.lock >/dev/null
	@rm -f build-requires.txt
	@git --no-pager diff --stat -- requirements*.lock
	@echo "Now: make test, then commit the lock files with pyproject.toml."

clean:
	rm -rf .venv .venv-* build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis runs benchmarks/results
	find $(PACKAGES) tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

# --- environments: stamp files make the second run instant ---------------------------------------

env: $(VENV)/.airbed-env
dev-env: $(VENV)/.airbed-dev

%/.airbed-venv:
	@$(PYTHON) -c 'pass' 2>/dev/null || { \
	    echo "There is no '$(PYTHON)' here. On Debian or Ubuntu: sudo apt-get install python3 python3-venv" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "Airbed needs Python 3.11 or later, and '$(PYTHON)' is $$($(PYTHON) --version 2>&1)." >&2; \
	    echo "Name another one: make run PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	    echo "'$(PYTHON)' cannot make virtual environments: its venv or ensurepip module is missing." >&2; \
	    echo "On Debian or Ubuntu: sudo apt-get install python3-venv" >&2; exit 1; }
	@echo "==> Making $* with $$($(PYTHON) --version 2>&1)"
	@$(PYTHON) -m venv $*
	@touch $@

# Both ends of an install: the locked packages, every file checked against its hash, then this
# tree as it is (editable, without a network and without resolving anything).
define install
	@echo "==> Installing $$(grep -c == $(2)) locked packages into $(1), hashes checked"
	@$(1)/bin/python -m pip --disable-pip-version-check --no-input install -qq --require-hashes --no-deps -r $(2)
	@$(1)/bin/python -m pip --disable-pip-version-check --no-input install -qq --no-deps --no-build-isolation -e .
	@touch $@
endef

%/.airbed-env: %/.airbed-venv requirements.lock pyproject.toml
	$(call install,$*,requirements.lock)

%/.airbed-dev: %/.airbed-venv requirements-dev.lock pyproject.toml
	$(call install,$*,requirements-dev.lock)
	@touch $*/.airbed-env

%/.airbed-bench: %/.airbed-venv requirements-bench.lock pyproject.toml
	$(call install,$*,requirements-bench.lock)

# Into the environment for development: the same packages, and the driver.
%/.airbed-postgres: %/.airbed-dev requirements-postgres.lock
	$(call install,$*,requirements-postgres.lock)

%/.airbed-foreign: %/.airbed-venv requirements-foreign.lock
	@echo "==> Installing $$(grep -c == requirements-foreign.lock) locked packages into $*, hashes checked"
	@$*/bin/python -m pip --disable-pip-version-check --no-input install -qq --require-hashes --no-deps -r requirements-foreign.lock
	@touch $@
