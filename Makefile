# Everything one does with PayTrust. Needs Python 3.11 or newer with pip, make and a package index.
#   PYTHON=python3.12 make test     another interpreter for the virtual environment
#   PORT=9000 SANDBOX_PORT=9001 PAYTRUST_STATE=.second make up     a second stack beside the first

SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: bench-peers peer-tools cluster cluster-promote cluster-restart cluster-down drills barman-tools deploy-tools load-tools guide-tools guide help demo up down status reset test chromium test-slow test-clients lock-clients examples check format bench faults load lock venv venv-local \
  check-code check-django check-dependencies check-containers check-platforms check-kubernetes image-check messages

PYTHON ?= python3
BIN := .venv/bin
# Programs run as modules: their scripts would carry the folder's absolute path.
RUN := $(BIN)/python -m
MANAGE := $(BIN)/python manage.py
SOURCES := paytrust apikeys events gateways invoices payments reporting
export PYTHON PIP_DISABLE_PIP_VERSION_CHECK := 1

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

demo: venv-local ## start everything and play the main job; ONCE=1 stops it at the end
	@$(RUN) paytrust.localstack.stack demo $(if $(filter-out 0,$(ONCE)),--once)

up: venv-local ## start web, worker, deliveries, beat, sandbox and the servers they need, in the background
	@$(RUN) paytrust.localstack.stack up

down: venv-local ## stop all of that
	@$(RUN) paytrust.localstack.stack down

cluster: venv-local ## the same with two of each process, PgBouncer, HAProxy and a replica of the database
	@$(RUN) paytrust.localstack.stack cluster

cluster-promote: venv-local ## kill the cluster's primary and go on with its replica
	@$(RUN) paytrust.localstack.stack promote

cluster-restart: venv-local ## replace the cluster's web processes one after the other
	@$(RUN) paytrust.localstack.stack restart

cluster-down: venv-local ## stop all of that
	@$(RUN) paytrust.localstack.stack down

status: venv-local ## say whether it runs
	@$(RUN) paytrust.localstack.stack status

reset: venv-local ## stop it and delete its data, keys and passwords
	@$(RUN) paytrust.localstack.stack reset

# COVERAGE=1 measures branch coverage, writes the badge, and fails below the limit in pyproject.toml.
test: venv chromium guide-tools ## run the tests; ARGS="tests/invoices -k name" narrows them, COVERAGE=1 measures
ifdef COVERAGE
	@rm -f .coverage .coverage.*
	@$(RUN) pytest -n 2 -m "not slow" $(ARGS)
	@$(RUN) coverage combine --quiet
	@$(RUN) coverage report --format total --fail-under 0 | $(RUN) tests.badge > docs/images/coverage.svg
	@$(RUN) coverage report --skip-covered
else
	@$(RUN) pytest -n 2 -m "not slow" $(ARGS)
endif

test-slow: venv load-tools barman-tools ## run the long tests that `make test` leaves out
	@$(RUN) pytest -n 2 -m slow $(ARGS)

# The browser tests want Chromium, which Debian packages; where it cannot be had they are skipped,
# and in CI that is a failure.
chromium:
	@for name in "$$CHROMIUM" chromium chromium-browser google-chrome; do \
	  if [ -n "$$name" ] && command -v "$$name" >/dev/null; then exit 0; fi; done; \
	if [ "$$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then \
	  echo "Installing Chromium for the browser tests (a few minutes, once) ..."; \
	  export DEBIAN_FRONTEND=noninteractive; \
	  if { apt-get install -y -qq chromium || { apt-get update -qq && apt-get install -y -qq chromium; }; } >/dev/null 2>&1; then exit 0; fi; fi; \
	echo "Chromium is not here and cannot be installed: the browser tests will be skipped." >&2

check: check-code check-django check-dependencies check-containers ## lint, types, import contracts, migrations, API schema, deployment settings, audit

bench: venv ## measure, print a table, write bench-results.json; STRICT=1 fails on a ratio worse than bench/baseline.json
	@$(RUN) bench $(if $(filter-out 0,$(STRICT)),--strict) $(ARGS)

bench-peers: venv peer-tools ## PayTrust beside a plain FastAPI service and the lean views, in one run
	@$(RUN) bench peers

faults: venv ## kill and cut a stack of its own under load for SECONDS=600, write faults-results.json; RATE=3 orders a second, SEED=...
	@$(RUN) tests.faults $(if $(SECONDS),--seconds $(SECONDS)) $(if $(RATE),--rate $(RATE)) $(if $(SEED),--seed $(SEED))

drills: venv-local ## replace a cluster's web processes and lose its primaries under load, write drills-results.json; INVOICES=5000, RATE=50
	@$(RUN) tests.faults.drills $(if $(INVOICES),--invoices $(INVOICES)) $(if $(RATE),--rate $(RATE))

# SCENARIO=mixed|invoices|webhooks|reports, SECONDS, P50 and P99 of the gateways in ms, ACTS of a user in a second.
load: venv load-tools ## Locust against a stack of its own: PROFILE=smoke|average|stress|spike|soak; writes load-report.html and load-results.json
	@$(RUN) tests.load --profile $(or $(PROFILE),smoke) $(if $(SCENARIO),--scenario $(SCENARIO)) $(if $(SECONDS),--seconds $(SECONDS)) \
	  $(if $(P50),--p50 $(P50)) $(if $(P99),--p99 $(P99)) $(if $(ACTS),--acts $(ACTS))

# The generators of TypeScript clients and the linters want node and npm, openapi-generator a Java
# runtime, which Debian packages (nodejs, npm, default-jre-headless). PYTHON_ONLY=1 needs neither.
test-clients: venv ## generate API clients by other people's generators and drive them against a stack; PYTHON_ONLY=1
	@$(RUN) tests.clients $(if $(PYTHON_ONLY),--python) $(if $(ONLY),--only $(ONLY))

examples: venv ## record the examples of the OpenAPI documents anew
	@EXAMPLES=write $(RUN) pytest -q tests/paytrust/web/openapi/test_examples.py -k are_what

lock-clients: ## resolve the generators anew: tests/clients/requirements.lock and package-lock.json
	@rm -rf build/uv && "$(PYTHON)" -m venv --without-pip build/uv && "$(PYTHON)" -m pip --python build/uv/bin/python install --quiet uv
	@build/uv/bin/uv pip compile tests/clients/requirements.in $(subst "make lock","make lock-clients",$(LOCK)) --exclude-newer "$(WEEK_AGO)" --upgrade --output-file tests/clients/requirements.lock
	@cd tests/clients && npm install --package-lock-only --ignore-scripts --no-audit --no-fund --before "$(WEEK_AGO)"
WEEK_AGO = $(shell "$(PYTHON)" -c 'import datetime as d; print((d.datetime.now(d.UTC) - d.timedelta(7)).strftime("%Y-%m-%dT%H:%M:%SZ"))')

messages: venv ## collect the texts of the back office and compile their translations; needs GNU gettext
	@$(MANAGE) makemessages --locale id --locale ms --no-obsolete --no-wrap --add-location file \
	  --ignore .venv --ignore build --ignore "tests/*" --ignore "bench/*" --ignore "templates/pay/*" --ignore "templates/sandbox/*"
	@$(MANAGE) compilemessages --locale id --locale ms --ignore .venv

format: venv ## put the code into the one format
	@$(RUN) ruff format .
	@$(RUN) ruff check --fix .

# Settings want values; for checks they only have to have the right form.
CHECKS := check-code check-django messages
$(CHECKS): export SECRET_KEY = check-only-and-long-enough-0123456789-abcdefghijklmnopqrstuvwxyz
$(CHECKS): export ADMIN_API_KEY = check-only-0123456789abcdef0123456789abcdef
$(CHECKS): export API_KEY_PEPPER = check-only-fedcba9876543210fedcba9876543210
$(CHECKS): export CREDENTIAL_KEYS = check-only-00112233445566778899aabbccddeeff
$(CHECKS): export PUBLIC_BASE_URL = https://pay.example.com
$(CHECKS): export TRUSTED_PROXIES = 1
check-code messages: export DATABASE_URL = postgres://nobody@127.0.0.1:9/none
check-code messages: export REDIS_URL = redis://127.0.0.1:9/0

check-code: venv
	$(RUN) ruff format --check .
	$(RUN) ruff check .
	$(RUN) mypy .
	$(BIN)/python -c 'from importlinter.cli import lint_imports_command; lint_imports_command()'
	$(RUN) bandit --quiet --recursive --severity-level medium $(SOURCES)

check-django: venv
	@$(RUN) paytrust.localstack.embedded run -- sh -exc '\
	  $(MANAGE) makemigrations --check --dry-run; \
	  $(MANAGE) check --deploy --fail-level WARNING; \
	  for reader in Merchants Operators; do $(MANAGE) spectacular --validate --fail-on-warn --file /dev/null \
    --generator-class paytrust.web.openapi.generators.$${reader}Document; done'

# One package tells whether the vulnerability service can be asked at all from here. Where it cannot,
# that is a failure, unless .ci/audit-allowance holds a date (YYYY-MM-DD) that has not passed.
AUDIT := $(RUN) pip_audit --progress-spinner off --disable-pip
AUDIT_ALLOWANCE := .ci/audit-allowance
check-dependencies: venv
	@grep -o '^django==[^ ]*' requirements.lock > .venv/audit-probe.txt
	@if $(AUDIT) --no-deps --strict --requirement .venv/audit-probe.txt 2>&1 \
	    | grep -Eq 'Connect|timed out|Max retries|could not be audited'; then \
	  until=$$(grep -Eo '^[0-9]{4}-[0-9]{2}-[0-9]{2}' $(AUDIT_ALLOWANCE) 2>/dev/null | head -n 1); \
	  if [ -z "$$until" ] || [ "$$(date -u +%Y-%m-%d)" \> "$$until" ]; then \
	    echo "The dependency audit cannot be made: the vulnerability service cannot be asked from here." >&2; \
	    echo "Make it elsewhere, then allow its absence for a while by a date in $(AUDIT_ALLOWANCE)." >&2; exit 1; fi; \
	  echo "The dependency audit was left out, which $(AUDIT_ALLOWANCE) allows until $$until."; \
	else set -x; $(AUDIT) --require-hashes --requirement requirements.lock; fi

check-platforms: venv ## is there a wheel of each locked package for each Python and platform we promise?
	$(RUN) paytrust.localstack.platforms

check-containers: venv
	$(BIN)/hadolint Dockerfile
	$(RUN) check_jsonschema --builtin-schema vendor.compose-spec compose.yaml

# Tools in environments of their own, apart from the project's: each is made again when its lock changed.
# A lock is complete, so nothing is installed that it does not name.
deploy-tools:
	$(call install_tools,deploy/tools.lock)

barman-tools:
	$(call install_tools,deploy/barman/requirements.lock)

load-tools:
	$(call install_tools,tests/load/requirements.lock)
peer-tools:
	$(call install_tools,bench/peers/requirements.lock)

guide-tools:
	$(call install_tools,docs/guide/requirements.lock)

guide: guide-tools ## build the guide for merchants, which PayTrust serves at /guide after its next start
	@NO_MKDOCS_2_WARNING=1 build/guide-tools/bin/python -m mkdocs build --strict --quiet --config-file docs/guide/mkdocs.yml

define install_tools
@if ! cmp -s $(1) build/$@/installed.lock; then \
  rm -rf build/$@ && mkdir -p build && "$(PYTHON)" -m venv --without-pip build/$@ && \
  "$(PYTHON)" -m pip --python build/$@/bin/python install --quiet --no-input --no-compile --no-deps --require-hashes --requirement $(1) && \
  cp $(1) build/$@/installed.lock; fi
endef

check-kubernetes: deploy-tools ## hold deploy/kubernetes to Kubernetes's own schemas
	@build/deploy-tools/bin/python deploy/check_kubernetes.py

image-check: venv deploy-tools guide-tools ## what the Dockerfile would contain, started from an empty root in production settings; writes build/sbom.cdx.json
	@$(RUN) paytrust.localstack.image

release: venv ## keep the database of this version for the test of upgrades; then commit and tag
	@$(RUN) tests.upgrades

lock: ## resolve the dependencies anew: requirements.lock and the two that are part of it
	@rm -rf build/uv && "$(PYTHON)" -m venv --without-pip build/uv && "$(PYTHON)" -m pip --python build/uv/bin/python install --quiet uv
	@build/uv/bin/uv pip compile pyproject.toml --group pyproject.toml:dev $(LOCK) --upgrade --output-file requirements.lock
	@build/uv/bin/uv pip compile pyproject.toml --group pyproject.toml:embedded $(LOCK) --constraint requirements.lock --output-file requirements-local.lock
	@build/uv/bin/uv pip compile pyproject.toml $(LOCK) --constraint requirements.lock --output-file requirements-runtime.lock
	@build/uv/bin/uv pip compile deploy/tools.in $(LOCK) --output-file deploy/tools.lock
	@build/uv/bin/uv pip compile deploy/barman/requirements.in $(LOCK) --no-emit-package psycopg2 --output-file deploy/barman/requirements.lock
	@build/uv/bin/uv pip compile tests/load/requirements.in $(LOCK) --output-file tests/load/requirements.lock
	@build/uv/bin/uv pip compile bench/peers/requirements.in $(LOCK) --output-file bench/peers/requirements.lock
	@build/uv/bin/uv pip compile docs/guide/requirements.in $(LOCK) --output-file docs/guide/requirements.lock
LOCK := --quiet --universal --python-version 3.11 --generate-hashes --custom-compile-command "make lock"

# `make demo` and `make up` need less than `make test`.
venv:
	@sh paytrust/localstack/install.sh requirements.lock

venv-local:
	@sh paytrust/localstack/install.sh requirements-local.lock
