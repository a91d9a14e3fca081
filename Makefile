# Everything happens in .venv, with the exact versions of requirements.lock.
PYTHON ?= python3
VENV := .venv
STORAGE := .venv-storage
FLOWER := .venv-flower
CROISSANT := .venv-croissant
DOCS := .venv-docs
BIN := $(VENV)/bin
# Snakemake starts its jobs with the Python it finds first.
RUN := PATH="$(CURDIR)/$(BIN):$$PATH"

COMPILE := uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest \
  --generate-hashes --no-emit-index-url --no-annotate --custom-compile-command "make lock" \
  pyproject.toml

.PHONY: help setup torch flower challenge report test test-fast test-faults test-campaign test-long test-slurm test-storage test-croissant test-training docs test-docs lint keys lock figures clean

help: ## Show this list.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/ready ## Make the virtual environment.

$(VENV)/ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or later is needed; name it with make PYTHON=…")'
	@$(PYTHON) -c 'import ensurepip, venv' || { echo "the module venv is missing; on Debian or Ubuntu: apt install python3-venv"; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

# The version that was tried. On Linux the usual index has builds with CUDA, of gigabytes:
# TORCH='torch==2.13.0+cpu --extra-index-url …' takes another.
TORCH ?= torch==2.13.0

torch: setup ## Add PyTorch to the environment, for training and for denoising.
	$(BIN)/pip install --disable-pip-version-check $(TORCH)

flower: $(FLOWER)/ready ## Make an environment with PyTorch and Flower, for training in several places.

# Of its own: Flower holds libraries back that the others need not, and brings a web server.
# --no-deps: the lock has all, and older pips miss the hash of what is wanted with extras.
$(FLOWER)/ready: requirements-flower.lock
	$(PYTHON) -m venv --clear $(FLOWER)
	$(FLOWER)/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $<
	$(FLOWER)/bin/pip install --quiet --disable-pip-version-check $(TORCH)
	$(FLOWER)/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

challenge: setup ## Make the default challenge, verify it and pack its release.
	@$(RUN) python -m instahide.quietly results/logs/make-challenge.log \
	  snakemake --cores all results/challenge/verification.txt
	@echo "results/challenge/ is made, and verified by making it again: release.zip is for the public, secret/ for you alone"
	@echo "next: source $(VENV)/bin/activate && snakemake --cores all    # attacks it; look at results/challenge/leaderboard.html"
	@echo "all that was printed: results/logs/make-challenge.log"

# CONFIG=config/mine.yaml takes another configuration than config/config.yaml. The report gets
# its name when it is whole, and only its maker may read it.
WITH = $(if $(CONFIG),--configfile $(CONFIG))
OF_CONFIG = $(if $(CONFIG),$(patsubst %,-%,$(filter-out config,$(basename $(notdir $(CONFIG))))))
REPORT = results/report$(OF_CONFIG).html
WORKFLOW_REPORT = results/workflow$(OF_CONFIG).html

report: setup ## Make all that CONFIG configures, and a page of results for the organisers.
	$(RUN) snakemake --cores all $(WITH) -- all $(REPORT)
	rm -f results/.report.html
	umask 077 && $(RUN) snakemake --report results/.report.html \
	  --report-stylesheet workflow/report/report.css $(WITH)
	mv -f results/.report.html $(WORKFLOW_REPORT)
	@echo "$(CURDIR)/$(REPORT), which shows private images: only you can read it"
	@echo "Snakemake's report of the pipeline lies beside it: $(WORKFLOW_REPORT)"

# Each module's tests stay on one worker, which then makes once what they share; those that
# take longest are the first.
PYTEST := $(RUN) pytest -n 2 --dist loadscope --no-loadscope-reorder

test: setup ## Run the tests.
	$(PYTEST)

test-fast: setup ## Run the tests that start no Snakemake and take less than a second each.
	$(PYTEST) --durations 5 --durations-min 2 \
	  -m 'not workflow and not slow and not slurm and not campaign and not storage'

test-faults: setup ## Kill, starve and corrupt the workflow, and count what survives.
	$(RUN) pytest -n 2 -m 'fault and not slurm' --fault-table

test-campaign: setup ## Of the tests of faults only those that make test leaves out.
	$(RUN) pytest -n 2 -m 'campaign and not slurm'

test-long: setup ## Run the tests that are left out of make test for the time they take.
	$(RUN) pytest -n 2 -m 'long and not slurm'

test-slurm: setup ## Run the workflow on a real SLURM of one node; as root on Debian or Ubuntu.
	$(RUN) $(BIN)/python tests/cluster/slurm.py run pytest -n 2 -m slurm --fault-table tests/cluster

test-storage: $(STORAGE)/ready ## Test S3 against a server on this machine, and the cache between workflows.
	PATH="$(CURDIR)/$(STORAGE)/bin:$$PATH" python -m pytest -n 2 -m storage tests/test_storage.py

# Of its own: the S3 plugin and the notebook's kernel want different python-dateutil.
$(STORAGE)/ready: requirements-storage.lock
	$(PYTHON) -m venv --clear $(STORAGE)
	$(STORAGE)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r $<
	touch $@

test-croissant: $(CROISSANT)/ready ## Test that a Croissant reader takes the metadata of a release.
	PATH="$(CURDIR)/$(CROISSANT)/bin:$$PATH" python -m pytest -n 0 tests/test_hosting_croissant.py

$(CROISSANT)/ready: requirements-croissant.lock
	$(PYTHON) -m venv --clear $(CROISSANT)
	$(CROISSANT)/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $<
	touch $@

# In the environment that has PyTorch, and Flower too.
test-training: flower ## Test training, also in several places, and watch the wire.
	PATH="$(CURDIR)/$(FLOWER)/bin:$$PATH" python -m pytest -n 2 --dist loadscope --no-loadscope-reorder tests/test_training_*.py

# Every warning is an error, and every link to a page, a place in it or a file has to lead there.
# Links to other sites are not followed.
docs: $(DOCS)/ready ## Build the documentation site, build/docs/index.html.
	rm -rf build/docs
	$(DOCS)/bin/python -m sphinx --fail-on-warning --keep-going --quiet -b html \
	  -d build/doctrees docs build/docs
	$(DOCS)/bin/python docs/checklinks.py build/docs
	@echo "$(CURDIR)/build/docs/index.html"

test-docs: docs ## Test the documentation site, and what builds it.
	PATH="$(CURDIR)/$(DOCS)/bin:$$PATH" python -m pytest -n 0 tests/test_docsite.py

$(DOCS)/ready: requirements-docs.lock
	$(PYTHON) -m venv --clear $(DOCS)
	$(DOCS)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r $<
	touch $@

lint: setup ## Check style and layout, also of the workflow.
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(RUN) python workflow/lint.py

figures: challenge ## Draw the pictures of README and docs again.
	$(RUN) snakemake --cores all results/challenge/attacks/pool/score.json
	$(BIN)/python docs/draw.py

keys: setup ## Put what follows from the code into the reference: keys and commands.
	PYTHONPATH="$(CURDIR)" $(BIN)/python docs/generate.py

lock: ## Resolve the newest versions into the five lock files; needs uv.
	$(COMPILE) --upgrade --extra dev -o requirements.lock
	$(COMPILE) --upgrade --extra storage -o requirements-storage.lock
	cp requirements.lock requirements-flower.lock  # the same versions, where Flower lets them be
	$(COMPILE) --extra dev --extra flower -o requirements-flower.lock
	cp requirements.lock requirements-croissant.lock
	$(COMPILE) --extra dev --extra croissant -o requirements-croissant.lock
	cp requirements.lock requirements-docs.lock
	$(COMPILE) --extra dev --extra docs -o requirements-docs.lock

clean: ## Remove the environments; results stay.
	rm -rf $(VENV) $(STORAGE) $(FLOWER) $(CROISSANT) $(DOCS)
