# Everything happens in .venv, made from the locked requirements. PYTHON chooses the interpreter (3.11 or later).
PYTHON ?= python3
BIN := .venv/bin
OPTIONS ?=
# compiled modules are kept: tests start many processes, each of which would compile all anew
export PYTHONDONTWRITEBYTECODE :=
COMPILE := $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header --no-annotate

.PHONY: help run quick test stack faults faults-distributed limits takeover soak bench check docs settings install lock clean

help:  ## this list
	@grep '^[a-z-]*:.*  ## ' Makefile | while IFS= read -r line; do printf 'make %-18s %s\n' "$${line%%:*}" "$${line#*  ## }"; done

run: .venv/run.stamp  ## start relay: embedded Redis, a front, a worker, the jobs of jobs/
	$(BIN)/twistd -n --pidfile= relay $(OPTIONS)

install: .venv/run.stamp  ## make .venv and install relay into it

quick: .venv/test.stamp  ## the tests that start no process and need no Redis: half a minute
	$(BIN)/python -m pytest --quick -n 2 --dist loadfile $(OPTIONS)

test: .venv/test.stamp  ## all tests but the long ones, files side by side; OPTIONS="-k hold" for some of them
	$(BIN)/python -m pytest -n 3 --dist loadfile $(OPTIONS)

stack: .venv/test.stamp  ## the long tests: more clients, proxies, sizes and pools around relay than `make test` draws
	$(BIN)/python -m pytest -n 2 --dist loadfile --long $(OPTIONS)

faults: .venv/test.stamp  ## the long fault tests; OPTIONS="--seed 7" repeats a draw
	$(BIN)/python -m tests.faults.run $(OPTIONS)

faults-distributed: .venv/test.stamp  ## the same under Sentinels or on a Cluster; OPTIONS="--topology cluster --server valkey"
	$(BIN)/python -m tests.faults.distributed $(OPTIONS)

limits: .venv/test.stamp  ## whether four workers keep a limit, and use it, for half a minute
	$(BIN)/python -m tests.limits $(OPTIONS)

takeover: .venv/test.stamp  ## whether 10,000 held clients notice that their fronts are replaced, five times
	$(BIN)/python -m tests.takeover $(OPTIONS)

soak: .venv/test.stamp  ## two hours of mixed load with faults, and a picture of what grows; OPTIONS="--hours 0.5"
	$(BIN)/python -m tests.soak $(OPTIONS)

bench: .venv/run.stamp  ## relay beside its peers (wrk, nginx, nchan, perf; 25 minutes); OPTIONS="--only latency"
	$(BIN)/python -m bench $(OPTIONS)

check: .venv/check.stamp  ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/basedpyright --level error tests/typing
	$(BIN)/python -m tests.store.lint

docs: .venv/docs.stamp  ## build the docs into docs/_build; warnings are errors
	$(BIN)/sphinx-build -q -W --keep-going -b html docs docs/_build

settings: .venv/run.stamp  ## write the tables of settings and of metrics in docs/*.inc again
	$(BIN)/python docs/settings_table.py
	$(BIN)/python docs/metrics_table.py

lock: .venv/run.stamp  ## write requirements/*.txt again from setup.cfg, each file with its hashes
	$(BIN)/pip install -q uv
	$(COMPILE) -U requirements/build.in -o requirements/build.txt
	$(COMPILE) -U --extra embedded --extra test setup.cfg -o requirements/test.txt
	$(COMPILE) -c requirements/test.txt --extra embedded --extra push setup.cfg -o requirements/run.txt
	$(COMPILE) -c requirements/test.txt --extra embedded --extra test --extra check setup.cfg -o requirements/check.txt
	$(COMPILE) -c requirements/check.txt --extra embedded --extra docs setup.cfg -o requirements/docs.txt

clean:
	rm -rf .venv docs/_build build dist *.egg-info

.venv/%.stamp: requirements/%.txt requirements/build.txt setup.cfg pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements/build.txt -r $<
	$(BIN)/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@
