# Two commands do everything on a fresh machine: `make demo` and `make test`.
# Needs Python 3.11 or newer, git and make; nothing is installed outside .venv (but see `venv` below).

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
PYTHON ?= $(firstword $(foreach p,python3.11 python3.12 python3.13 python3,$(if $(shell command -v $(p) 2>/dev/null),$(p))))

LINTED := presets companion export tests

.DEFAULT_GOAL := help
.PHONY: help demo test test-scale scale plugins sound bench lint install-check clean

help:
	@echo "make demo           install the light runtime and match a shipped clip"
	@echo "make test           install what the tests need and run them"
	@echo "make test-scale     install Ray too and run the tests of many machines"
	@echo "make plugins        build the VST3 plugins that the tests host"
	@echo "make bench          measure the quality and the speed of a match"
	@echo "make lint           ruff, mypy, import contracts"
	@echo "make install-check  install as a user does, unpinned, and match a clip from the installed package"
	@echo "make clean          remove the environment, caches and the demo's patches"

# The light runtime: no torch.
demo: $(VENV)/.light
	$(BIN)/whispersynth match examples/lead.flac --out demo
	@echo "The patches are in $(CURDIR)/demo: open a .vital file in Vital, read the .txt, listen to the .wav."

test: $(VENV)/.test plugins sound
	$(BIN)/python -m pytest

# Ray, without which the tests of rendering on many machines skip.
scale: $(VENV)/.scale

test-scale: scale
	$(BIN)/python -m pytest tests/export/test_ray_render.py tests/export/test_ranks.py tests/export/test_feed.py \
		tests/export/test_storage.py tests/export/test_verify.py

# Real VST3 plugins for the tests to host, where they can be built (Debian, Ubuntu); the script says why they cannot.
plugins:
	@tests/plugins/build.sh || true

# Sound servers and a player, for the tests of MIDI and of capturing; the script says what it cannot install.
sound:
	@tests/sound.sh || true

bench: $(VENV)/.test
	$(BIN)/python tests/bench.py

lint: $(VENV)/.test
	$(BIN)/ruff check $(LINTED)
	$(BIN)/ruff format --check $(LINTED)
	$(BIN)/mypy
	$(BIN)/lint-imports

# What `pip install whispersynth` gives on the day, without the pins and away from the sources.
install-check:
	rm -rf build/install-check
	$(PYTHON) -m venv build/install-check
	build/install-check/bin/python -m pip install --quiet --disable-pip-version-check .
	cd build/install-check && bin/python $(CURDIR)/tests/installed.py $(CURDIR)/examples/lead.flac

$(VENV)/.light: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Installing the light runtime into $(VENV): 90 MB to download."
	$(PIP) --editable . || { echo "$$PLATFORMS" >&2; exit 1; }
	touch $@

$(VENV)/.test: $(VENV)/.light
	@echo "Installing what the tests need into $(VENV), torch among it: this takes minutes."
	$(PIP) --editable '.[train,dev]'
	touch $@

$(VENV)/.scale: $(VENV)/.test
	@echo "Installing Ray into $(VENV): 79 MB to download on Linux."
	$(PIP) --editable '.[scale]'
	touch $@

# Debian keeps venv in a package of its own.
$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "WhisperSynth needs Python 3.11 or newer and found '$(PYTHON)'; name another with 'make PYTHON=...'" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv; \
		else echo "Python's venv is missing; install it first (Debian and Ubuntu: apt-get install python3-venv)" >&2; exit 1; fi; }
	$(PYTHON) -m venv $(VENV)

define PLATFORMS
The installation failed; pip says why above. If it found no version of vita: the Vital engine comes built for
Linux x86-64, macOS on Apple silicon and Windows x64 only.
endef
export PLATFORMS

clean:
	rm -rf $(VENV) build dist demo .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
