# `make run` is all a newcomer needs. Everything lives in .venv and var; nothing needs apt.

TORCH := torch==2.13.0
VENV := .venv
PYTHONS := python3.14 python3.13 python3.12 python3.11
SUITABLE := import ensurepip, sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))
PIP := $(VENV)/bin/python -m pip -qq --disable-pip-version-check
INSTALLED := $(VENV)/installed
INSTALLED_DEV := $(VENV)/installed-dev
AUDITOR := $(VENV)/audit

.PHONY: run setup setup-dev test test-all bench lint audit format clean
.DELETE_ON_ERROR:

run: setup          ## start everything; PORT=9000 make run for another port
	@exec $(VENV)/bin/python -m cli serve

setup: $(INSTALLED) ## make the environment only

setup-dev: $(INSTALLED_DEV)

# Three processes, on two cores too: many tests wait more than they work. The slow files must not
# come last, when nobody shares them.
PARALLEL := --numprocesses 3 --dist loadfile --no-loadscope-reorder --max-worker-restart 0

test: ARGS ?= $(PARALLEL) -m "not slow"
test: setup-dev     ## run all tests but the slow; ARGS="tests/media -k probe" for some of them
	@exec $(VENV)/bin/python -m pytest $(ARGS)

test-all: setup-dev ## run every test, as CI does
	@exec $(VENV)/bin/python -m pytest $(PARALLEL)

lint: setup-dev     ## style, formatting, types
	@$(VENV)/bin/python -m ruff check .
	@$(VENV)/bin/python -m ruff format --check .
	@$(VENV)/bin/python -m mypy

audit: setup        ## look the locked packages up in PyPI's list of known weaknesses
	@test -x $(AUDITOR)/bin/pip-audit || { $(VENV)/bin/python -m venv $(AUDITOR) && \
	  $(AUDITOR)/bin/pip -qq --disable-pip-version-check install pip-audit==2.9.0; }
	@$(AUDITOR)/bin/pip-audit --strict --disable-pip --no-deps -r requirements.txt

bench: setup-dev    ## what the work costs on this machine; ARGS="--quick" for two minutes of it
	@exec $(VENV)/bin/python -m benchmarks $(ARGS)

format: setup-dev
	@$(VENV)/bin/python -m ruff check --fix .
	@$(VENV)/bin/python -m ruff format .

clean:              ## forget the environment; var (jobs and their videos) stays
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info build

# torch comes first and with its own dependencies: which ones those are depends on the machine
# (CUDA libraries, for one). All else is locked, and --no-deps keeps pip from second thoughts.
$(INSTALLED): requirements.txt pyproject.toml Makefile
	@if ! $(VENV)/bin/python -c 'import pip; $(SUITABLE)' 2>/dev/null; then \
	  found=; \
	  for python in "$$PYTHON" python3 $(PYTHONS) python; do \
	    if "$$python" -c '$(SUITABLE)' 2>/dev/null; then found=$$python; break; fi; \
	  done; \
	  if [ -z "$$found" ]; then \
	    echo "Python 3.11 to 3.14, with venv (apt install python3-venv), was not found." \
	      "Install one, or name it: make PYTHON=/path/to/python3" >&2; \
	    exit 1; fi; \
	  "$$found" -m venv --clear $(VENV); fi
	@echo "Preparing the environment in $(VENV): once, some minutes"
	@echo "  1/2 $(TORCH)"
	@$(PIP) install "$(TORCH)"
	@echo "  2/2 everything else"
	@$(PIP) install --no-deps -r requirements.txt
	@$(PIP) install --no-deps --editable .
	@touch $@

$(INSTALLED_DEV): requirements-dev.txt requirements-openvino.txt $(INSTALLED)
	@$(PIP) install --no-deps -r requirements-dev.txt -r requirements-openvino.txt
	@touch $@
