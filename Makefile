# Two commands do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
OUT    ?= demo
# pytest arguments, e.g. `make test ARGS="-k g2"`
ARGS   ?=

.PHONY: demo test validate bench docs lint clean

$(BIN)/.fipjax-all: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[all]"
	touch $@

$(BIN)/.fipjax-test: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[test]"
	touch $@

$(BIN)/.fipjax-docs: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[docs]"
	touch $@

# scan, best fit and posterior of a light vector (DEFT model 44, high masses) against real data, with figures
demo: $(BIN)/.fipjax-all
	@mkdir -p $(OUT)
	$(BIN)/fipjax scan examples/demo.toml -o $(OUT)/scan.zarr
	$(BIN)/fipjax fit examples/demo.toml -o $(OUT)/fit.json
	$(BIN)/fipjax sample examples/demo.toml -o $(OUT)/posterior.nc
	@echo "figures:"
	@$(BIN)/fipjax plot $(OUT)/scan.zarr $(OUT)/fit.json $(OUT)/posterior.nc

test: $(BIN)/.fipjax-test
	$(BIN)/python -m pytest -n 2 -m "not validate" $(ARGS)

# long validations: whole domains, flavio's full reference set, posteriors against an independent sampler
validate: $(BIN)/.fipjax-test
	$(BIN)/python -m pytest -n 2 $(ARGS)

bench: $(BIN)/.fipjax-all
	$(BIN)/fipjax bench

# the documentation site with its tutorial executed, into docs/_build/html; warnings are errors
docs: $(BIN)/.fipjax-docs
	$(BIN)/python -m sphinx -W --keep-going -b html -d docs/_build/doctrees docs docs/_build/html
	@echo "docs/_build/html/index.html"

lint:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[dev]"
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

clean:
	rm -rf $(VENV) $(OUT) build dist docs/_build docs/generated
