# `make demo` and `make test` need nothing but Python 3.10 or newer (and network access once, for what they install).
PYTHON ?= python3
# relative, because a path to here may have spaces in it
BIN := .venv/bin
READY := .venv/.ready
ENGINE := $(PYTHON) tools/engine/get.py
ROUNDS ?= 300
CLOUD ?= cortecs

.DEFAULT_GOAL := help
.PHONY: help setup engine demo demo-stop up destroy rewritten test test-long test-backends chaos bench compat-langchain lint format clean

help:  ## what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

setup: $(READY)  ## the virtual environment in .venv, with everything the tests need

$(READY): pyproject.toml constraints.txt tools/setup.sh tests/compat/fetch.py tests/compat/clients.py
	@PYTHON="$(PYTHON)" sh tools/setup.sh

engine:  ## the pulumi CLI: the one on PATH, or one in your cache; prints its path
	@$(ENGINE)

demo: $(READY)  ## the main job, from purchase to bill, on the embedded simulator (KEEP=1 leaves it running; CLOUD=shadeform, gcore, all)
	@PULUMI="$$($(ENGINE))" && exec $(BIN)/python -m tools.demo --pulumi "$$PULUMI" --cloud $(CLOUD) $(if $(filter-out 0,$(KEEP)),--keep)

demo-stop: $(READY)  ## ends what `make demo KEEP=1` left
	@$(BIN)/python -m tools.demo --stop

up: $(READY)  ## the quickstart with your own Cortecs credentials: this costs money
	@PULUMI="$$($(ENGINE))" && exec sh tools/real.sh "$$PULUMI" up $(ARGS)

destroy: $(READY)  ## ends what `make up` started
	@PULUMI="$$($(ENGINE))" && exec sh tools/real.sh "$$PULUMI" destroy $(ARGS)

# pytest rewrites each test file once and keeps the result; five workers at once would each do it for all of them
rewritten: $(READY)
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest --collect-only -qq >/dev/null 2>&1 &

test: $(READY) rewritten lint  ## everything that must hold before a change lands
	@PULUMI="$$($(ENGINE))" && PULUMI_CORTECS_ENGINE="$$PULUMI" PYTHONDONTWRITEBYTECODE= \
		exec $(BIN)/python -m pytest -n 5 --dist worksteal -m "not long" $(ARGS)

test-long: $(READY)  ## the tests that `make test` has no time for, about a minute
	@PULUMI="$$($(ENGINE))" && PULUMI_CORTECS_ENGINE="$$PULUMI" PYTHONDONTWRITEBYTECODE= \
		exec $(BIN)/python -m pytest -n 2 -m long $(ARGS)

test-backends: $(READY)  ## kills `up` 20 times each on a file, an S3 and a Postgres backend; brings what is needed, some minutes
	@$(BIN)/python -I -c "import moto.server" 2>/dev/null || $(BIN)/python -I -m pip install --quiet --disable-pip-version-check -c constraints.txt 'moto[server]>=5'
	@$(BIN)/python -m tests.backends.servers || { [ "$$(id -u)" = 0 ] && apt-get update -qq && \
		apt-get install -y -qq --no-install-recommends postgresql >/dev/null; } || \
		{ echo "test-backends: Debian's package postgresql is needed, and only root can install it" >&2; exit 1; }
	@PULUMI="$$($(ENGINE))" && PULUMI_CORTECS_ENGINE="$$PULUMI" exec $(BIN)/python -m tests.backends $(ARGS)

chaos: $(READY)  ## kills everything at random moments, ROUNDS=300 times, and compares the books: most of an hour (CLOUD=shadeform)
	@PULUMI="$$($(ENGINE))" && PULUMI_CORTECS_ENGINE="$$PULUMI" exec $(BIN)/python -m tests.chaos --cloud $(CLOUD) --rounds $(ROUNDS) $(ARGS)

bench: $(READY)  ## the benchmarks of docs/performance.md, some minutes; wants a machine with nothing else to do
	@PULUMI="$$($(ENGINE))" && export PULUMI_CORTECS_ENGINE="$$PULUMI" && missed=0 && \
	for each in imports one stuck refresh policy review fleet "fleet --instances 300 --boot 20 --rounds 3"; do \
		$(BIN)/python -m benchmarks.$$each || missed=1; \
	done && $(BIN)/python -m benchmarks.report && exit $$missed

compat-langchain: $(READY)  ## cortecs-py's langchain integration against the simulator; installs langchain
	@exec $(BIN)/python -m tests.compat.langchain

lint: $(READY)  ## style, types, and who may import whom
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(READY)  ## lets the formatter have its way
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

clean:  ## removes what can be made again; never the state of `make up`
	@[ ! -x $(BIN)/python ] || $(BIN)/python -m tools.demo --stop
	rm -rf .venv .demo .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis dist
