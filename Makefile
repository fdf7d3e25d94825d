# Needs Python >= 3.11, make and git; everything else goes into .venv.
PYTHON ?= python3
BIN := .venv/bin
# Bytecode is kept, whatever the environment says: the demo and the tests start hundreds of processes.
export PYTHONDONTWRITEBYTECODE =

.PHONY: install demo test test-lowest lint clean

install: .venv/installed

# uv, because pip would pair torch and torchvision builds that do not fit each other here and there;
# with compiled bytecode, or every process of Ray starts three times slower. Without the extra `cluster`, whose job server
# would make every Ray that a test starts a quarter slower.
.venv/installed: pyproject.toml requirements.lock
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "prunesweep needs Python 3.11 or newer")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode \
		--constraint requirements.lock --editable '.[dev]'
	touch $@

demo: install
	PATH="$(CURDIR)/$(BIN):$$PATH" PYTHON="$(CURDIR)/$(BIN)/python" sh demo.sh

# Whichever process is done first takes over tests of the other; the last line says how much of the code was run. What has
# changed since the installation is compiled once, not by each of the processes that tests start.
test: install
	$(BIN)/python -m compileall -q prunesweep orchestrator workers tests/support
	$(BIN)/python -m pytest -n auto --dist worksteal -p tests.support.coverage

# The whole suite with the oldest versions that pyproject.toml promises; torch alone is several gigabytes.
test-lowest: .venv-lowest/installed
	.venv-lowest/bin/python -m pytest -n auto --dist worksteal

.venv-lowest/installed: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11) and "the oldest versions need Python 3.11")'
	$(PYTHON) -m venv .venv-lowest
	.venv-lowest/bin/python -m pip install --quiet uv
	.venv-lowest/bin/uv pip install --quiet --python .venv-lowest/bin/python --compile-bytecode \
		--resolution lowest-direct --editable '.[dev]'
	touch $@

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf .venv .venv-lowest runs build dist .mypy_cache .ruff_cache .pytest_cache
