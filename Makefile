# Two commands matter: `make run` and `make test`. Both set up what they need; a second run installs nothing again.

PY ?= python3
ARGS ?=
# Two more than the cores of a small machine: tests also wait, for other processes. They go in the order of the
# directories (--no-loadscope-reorder), so that long files of few tests do not come last and alone.
PROCESSES ?= 4

VENV := .venv
PYTHON := $(VENV)/bin/python
PEER := .venv-bench
OTHER := .venv-functions
# A change of the pinned list changes the stamp's name, and only then is anything installed.
stamp = $(1)/.installed-$(2)-$(shell cksum < requirements/$(2).txt | tr ' ' '-')
RUN := $(call stamp,$(VENV),run)
TEST := $(call stamp,$(VENV),test)
BENCH := $(call stamp,$(PEER),bench)
DRIVERS := $(call stamp,$(VENV),drivers)
TEMPLATES := $(call stamp,$(VENV),templates)
FUNCTIONS := $(call stamp,$(OTHER),functions)
JS := tests/clients/js
NODE_MODULES := $(JS)/node_modules/.installed-$(shell cksum < $(JS)/package-lock.json | tr ' ' '-')
INSTALL := -m pip install --quiet --disable-pip-version-check --require-hashes -r

PACKAGES := postgresql openssl bubblewrap softhsm2 chromium mariadb-server-core redis-server slapd openssh-server openssh-client \
	gcc libpq-dev python3-dev

.PHONY: run setup test check lint fix docs test-all bench clean help

run: $(RUN) $(DRIVERS)  ## start the server on https://127.0.0.1:8443 (ARGS="--workers 1 ...")
	@exec ./strongroom serve $(ARGS)

setup: $(RUN) $(DRIVERS)  ## make the virtual environment, start nothing

test: $(TEST) $(DRIVERS) $(NODE_MODULES) $(FUNCTIONS) lint  ## every check, and every test but the long ones
	@$(PY) tools/system_packages.py $(PACKAGES)
	@$(MAKE) --no-print-directory $(TEMPLATES) || echo "PyGreSQL was not built: the tests of template shapes will be skipped"
	$(PYTHON) -m pytest -n $(PROCESSES) --dist loadfile --no-loadscope-reorder -m "not long" $(ARGS)

check: $(TEST) lint docs  ## what is quick: style, types, import contracts, pages against the program

lint: $(TEST)
	$(VENV)/bin/ruff check
	$(VENV)/bin/mypy
	PYTHONPATH=src $(VENV)/bin/lint-imports

docs: $(TEST)
	$(PYTHON) -m pytest tests/docs

fix: $(TEST)  ## mend what can be mended by machine, print the generated pages again
	$(VENV)/bin/ruff check --fix
	PYTHONPATH=src $(PYTHON) tools/reference.py

test-all: $(TEST) $(DRIVERS) $(NODE_MODULES) $(FUNCTIONS) lint  ## the long tests too
	@$(PY) tools/system_packages.py $(PACKAGES)
	@$(MAKE) --no-print-directory $(TEMPLATES) || echo "PyGreSQL was not built: the tests of template shapes will be skipped"
	$(PYTHON) -m pytest -n $(PROCESSES) --dist loadfile --no-loadscope-reorder $(ARGS)

bench: $(TEST) $(BENCH)  ## speed, with moto's server beside it in the same run
	@$(PY) tools/system_packages.py wrk postgresql
	PYTHONPATH=src $(PYTHON) -m bench.get_secret_value $(ARGS)
	PYTHONPATH=src $(PYTHON) -m bench.get_secret_value $(ARGS) --rate 3000
	PYTHONPATH=src $(PYTHON) -m bench.get_secret_value $(ARGS) --tls
	PYTHONPATH=src $(PYTHON) -m bench.get_secret_value $(ARGS) --sync each
	PYTHONPATH=src $(PYTHON) -m bench.get_secret_value $(ARGS) --store postgresql
	PYTHONPATH=src $(PYTHON) -m bench.overload
	PYTHONPATH=src $(PYTHON) -m bench.decisions
	PYTHONPATH=src $(PYTHON) -m bench.kms $(ARGS)
	PYTHONPATH=src $(PYTHON) -m bench.rotation
	PYTHONPATH=src $(PYTHON) -m bench.root_rotation

clean:  ## remove what make has made; never a data directory
	rm -rf $(VENV) $(PEER) $(OTHER) $(JS)/node_modules build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find src tests tools bench -name __pycache__ -type d -prune -exec rm -rf {} +

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1 - /p' Makefile

$(RUN):
	@$(PY) tools/make_venv.py $(VENV)
	$(PYTHON) $(INSTALL) requirements/run.txt
	@touch $@

$(TEST):
	@$(PY) tools/make_venv.py $(VENV)
	$(PYTHON) $(INSTALL) requirements/test.txt
	@touch $@ $(RUN)

# What ready-made rotation functions are packed with lies apart: the server imports none of it (decision 0037).
$(DRIVERS): requirements/drivers.txt | $(RUN)
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --upgrade --require-hashes \
		--target $(VENV)/share/strongroom/drivers -r requirements/drivers.txt
	@touch $@

# Built here, after the packages that the building needs; for tests alone.
$(TEMPLATES): requirements/templates.txt | $(RUN)
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --upgrade --require-hashes \
		--target $(VENV)/share/strongroom/templates -r requirements/templates.txt
	@touch $@

# Nothing that a package brings is run while it is installed.
$(NODE_MODULES):
	@if command -v npm >/dev/null; \
	then cd $(JS) && npm ci --ignore-scripts --no-audit --no-fund && touch $(notdir $(@D))/$(@F); \
	else echo "npm is not on this machine: the tests of JavaScript clients will be skipped"; fi

# A second version of Python that functions run in, where this machine has one.
$(FUNCTIONS):
	@other=$$($(PYTHON) tools/other_python.py); if [ -n "$$other" ]; \
	then $$other -m venv $(OTHER) && $(OTHER)/bin/python $(INSTALL) requirements/functions.txt && touch $@; \
	else echo "there is one version of Python on this machine: the tests of a second one will be skipped"; fi

$(BENCH):
	@$(PY) tools/make_venv.py $(PEER)
	$(PEER)/bin/python $(INSTALL) requirements/bench.txt
	@touch $@
