# Needs only python3 (3.11 or newer, with venv and pip) and make; uv is used where there is one.
PY    ?= python3
VENV  ?= .venv
ARGS  ?=
# Every property as well; CI, which has tried those by then, asks for `prove` alone.
PROVE ?= prove or hypothesis
BIN    = $(VENV)/bin
READY  = $(VENV)/.ready-test
CHECK  = $(VENV)/.ready-check
BROWSE = $(VENV)/.ready-e2e
AGENTS = $(VENV)/npm/.ready
PYTEST = $(BIN)/python -m pytest

.DEFAULT_GOAL := help
.PHONY: help demo test wide check bench e2e screens prove docs site lock clean

help: ## this list
	@sed -n 's/^\([a-z0-9]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | \
	  while IFS='|' read -r name text; do printf '  make %-8s %s\n' "$$name" "$$text"; done

demo: $(READY) ## a 12-job night on built-in fake agents, with a crash in the middle
	@$(BIN)/bydawn demo $(ARGS)

test: $(READY) ## every test but the long ones
	@$(PYTEST) -q -n 3 $(ARGS)

wide: $(READY) ## what takes minutes: crash points, kills, replayed pages
	@$(PYTEST) -q -n 3 -m "wide and not prove" $(ARGS)

check: $(CHECK) ## lint, format, types and architecture
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(PYTEST) -q tests/architecture $(ARGS)

bench: $(READY) ## measure
	@$(BIN)/python bench/run.py $(ARGS)

e2e: $(BROWSE) $(AGENTS) ## real kills, a real browser, and real programs of other vendors over fakes
	@$(PYTEST) -v tests/crash $(ARGS)
	@$(PYTEST) -v -m e2e tests/e2e $(ARGS)

screens: $(BROWSE) ## photograph the dashboard for the documents
	@$(BIN)/python docs/screens/make.py

prove: $(READY) ## the long runs and every property with BYDAWN_PROVE_SIZE examples (1000); one table
	@BYDAWN_PROVE_SIZE=$${BYDAWN_PROVE_SIZE:-1000} \
	  $(PYTEST) -q -n 2 -m "$(PROVE)" --timeout 3600 $(ARGS)

docs: $(READY) ## write the generated pages anew
	@$(BIN)/python docs/generate.py
	@$(BIN)/python tests/faces/capturing.py > /dev/null

site: $(READY) ## the documents as a static site, in build/site; a broken link fails it
	@$(BIN)/python docs/site/make.py $(ARGS)

lock: ## write requirements/*.lock anew (needs uv)
	@uv pip compile $(LOCKING) --extra test -o requirements/test.lock pyproject.toml
	@uv pip compile $(LOCKING) --extra test --extra dev \
	  -c requirements/test.lock -o requirements/check.lock pyproject.toml
	@uv pip compile $(LOCKING) --extra test --extra e2e \
	  -c requirements/test.lock -o requirements/e2e.lock pyproject.toml
	@echo "hatchling>=1.27" | uv pip compile $(LOCKING) --extra postgres --extra web --extra prices \
	  --extra notify -c requirements/test.lock -o requirements/image.lock pyproject.toml -

clean: ## remove what the targets above made
	@rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist

LOCKING = -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate

# $(call install,LOCK): a fresh environment with exactly the lock, and bydawn itself from this folder.
define install
	@$(PY) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "bydawn needs Python 3.11 or newer; try: make PY=python3.11" >&2; exit 1; }
	@if command -v uv >/dev/null 2>&1 && \
	    uv venv -q --clear --python "$$(command -v $(PY))" $(VENV) && \
	    uv pip install -q --python $(BIN)/python --require-hashes -r $(1) && \
	    uv pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e . ; then :; \
	  else \
	    $(PY) -m venv --clear $(VENV) && \
	    $(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r $(1) && \
	    $(BIN)/python -m pip install -q --disable-pip-version-check \
	      --no-deps --no-build-isolation -e . ; \
	  fi
endef

$(READY): requirements/test.lock pyproject.toml
	$(call install,requirements/test.lock)
	@touch $@

# The agents' own install scripts are not run, but for the one that puts a program in its place.
$(AGENTS): tests/e2e/package.json
	@command -v npm >/dev/null || { echo "make e2e needs node 20 or newer, and npm" >&2; exit 1; }
	@mkdir -p $(VENV)/npm && cp tests/e2e/package.json $(VENV)/npm/
	@npm install --silent --no-fund --no-audit --no-package-lock --ignore-scripts --prefix $(VENV)/npm
	@cd $(VENV)/npm/node_modules/@anthropic-ai/claude-code && node install.cjs
	@touch $@

# The second lock holds all of the first, so an environment made for `check` serves `test` as well.
$(CHECK): requirements/check.lock pyproject.toml
	$(call install,requirements/check.lock)
	@touch $@ $(READY)

$(BROWSE): requirements/e2e.lock pyproject.toml
	$(call install,requirements/e2e.lock)
	@touch $@ $(READY)
