# make notebooks · make test · make bench · make site   — each sets up what it needs in .venv
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

.PHONY: help notebooks outputs test test-long test-browser test-bare test-versions test-all bench site pdf clean

help:
	@echo 'make notebooks     execute the five notebooks on the embedded data'
	@echo 'make test          lint, every unit test, every notebook once'
	@echo 'make outputs       execute the notebooks and write their outputs in place'
	@echo 'make bench         operators and training steps against paddle.nn'
	@echo 'make site          build the web site into build/site'
	@echo 'make pdf           the five chapters for paper, build/nndl.pdf (needs Chromium)'
	@echo 'make test-long     every notebook twice in one kernel, kills and interrupts of every kind'
	@echo 'make test-browser  click through the notebooks in JupyterLab (needs Chromium)'
	@echo 'make test-bare     the notebooks without the package installed, the package without its folder'
	@echo 'make test-versions unit tests and two notebooks with Paddle 2.6.2 and 3.0.0'
	@echo 'make test-all      all of these tests, one after the other'

$(BIN)/python:
	@sh scripts/make_venv.sh '$(PYTHON)' '$(VENV)'

# One stamp per set of packages; a change of the requirements installs again.
$(VENV)/.user: $(BIN)/python pyproject.toml requirements.txt
	$(BIN)/python -m pip install --quiet -r requirements.txt
	@touch $@

$(VENV)/.%: $(VENV)/.user
	$(BIN)/python -m pip install --quiet -e '.[$*]'
	@touch $@

notebooks: $(VENV)/.user
	$(BIN)/python scripts/notebooks.py run

outputs: $(VENV)/.user
	$(BIN)/python scripts/notebooks.py outputs

test: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --maxschedchunk 1

test-long: $(VENV)/.test
	$(BIN)/python -m pytest -m 'twice or long'

bench: $(VENV)/.user
	$(BIN)/python -m benchmarks

site: $(VENV)/.site
	$(BIN)/python -m sphinx -q -W --keep-going docs build/site
	@echo 'build/site/index.html'

pdf: $(VENV)/.browser
	sh scripts/ensure_chromium.sh
	$(BIN)/python scripts/make_pdf.py

test-browser: $(VENV)/.browser
	sh scripts/ensure_chromium.sh
	$(BIN)/python -m pytest -m browser tests

test-bare: $(VENV)/.test
	$(BIN)/python -m pytest -m bare tests

test-versions: $(BIN)/python
	$(BIN)/python scripts/versions.py

test-all: test test-long test-browser test-bare test-versions

clean:
	rm -rf $(VENV) build
