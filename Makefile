# Each target does all of its own set-up; `make` alone lists them.
# CORES=4 make figures limits the cores, ARGS="--use-conda" adds options to Snakemake.
PYTHON ?= python3.11
CORES ?= all
ARGS ?=

BIN := .venv/bin
READY := .venv/.ready
UNFINISHED := .venv/.unfinished
SNAKEMAKE := $(BIN)/snakemake
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
REQUIREMENTS := requirements.txt requirements-dev.txt

# Some machines tell Python to keep nothing that it compiles; each job would compile hopeworld anew,
# and PyTorch in an environment of conda.
export PYTHONDONTWRITEBYTECODE :=

.DELETE_ON_ERROR:
.PHONY: help figures verdict thesis ablation smoke weights test test-conda test-slurm test-report
.PHONY: chaos reproduce audit bench lint format schema setup clean

help:
	@echo "make figures   every figure, table and report.html of the default study"
	@echo "make smoke     the smallest study that runs every rule"
	@echo "make verdict   six seeds and a placebo: the question answered, about two hours on two cores"
	@echo "make thesis    the study of the thesis: pretrained weights, GPU"
	@echo "make ablation  what each part of HOPE is good for, one switch at a time"
	@echo "make weights   fetch encoder weights: NAME=a name of resources/weights.yaml"
	@echo "make test      all tests (TESTS='-m \"not slow\"' leaves out the slow ones)"
	@echo "make test-conda, test-slurm, test-report   one part of it: the environments, a cluster, the page"
	@echo "make chaos     the smoke study, killed 60 times (CHAOS='--kills 5 --seed 1')"
	@echo "make reproduce a fresh smoke study against the committed hashes"
	@echo "make audit     known vulnerabilities of the packages"
	@echo "make bench     speed against a plain formulation (BENCH='--only mixers', BENCH=--help)"
	@echo "make lint      all static checks;  make format  puts files in order"
	@echo "make schema    rewrite what is generated from settings.py"
	@echo "make setup     .venv with snakemake and hopeworld, nothing computed"
	@echo "make clean     remove .venv, caches and the results of default and smoke"

figures: $(READY)
	$(SNAKEMAKE) --cores $(CORES) $(ARGS)

smoke: $(READY)
	$(SNAKEMAKE) --cores $(CORES) $(ARGS) --configfile config/smoke.yaml

verdict: $(READY)
	$(SNAKEMAKE) --cores $(CORES) $(ARGS) --configfile config/verdict.yaml

thesis: $(READY)
	$(SNAKEMAKE) --cores $(CORES) $(ARGS) --configfile config/thesis.yaml

ablation: $(READY)
	$(SNAKEMAKE) --cores $(CORES) $(ARGS) --configfile config/ablation.yaml

weights: $(READY)
	@test -n "$(NAME)" || { echo "make weights: say which, NAME=vjepa2-vitl-fpc64-256" >&2; exit 2; }
	$(SNAKEMAKE) resources/weights/$(NAME)/manifest.json --cores 1 $(ARGS)

# Two processes of one thread each keep two cores busy, a third waits for the cluster; in the order
# of tests/conftest.py.
test: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 3 --dist loadfile \
		--no-loadscope-reorder $(TESTS)

# The whole smoke study in each; `make test` runs a part of it.
test-conda test-slurm: test-%: $(READY)
	HOPEWORLD_WHOLE_STUDY=1 $(BIN)/python -m pytest -m $*

test-report: $(READY)
	$(BIN)/python -m pytest -m browser

chaos: $(READY)
	$(BIN)/python -m tests.chaos $(CHAOS)

reproduce: $(READY)
	$(BIN)/python -m tests.reproduce

audit: $(READY)
	$(BIN)/python -m tests.audit

# A peer that cannot be installed is a row of the table that says so.
bench: $(READY)
	-$(INSTALL) -r benchmarks/requirements.txt -c requirements.txt
	$(BIN)/python -m benchmarks.run $(BENCH)

lint: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/codespell
	$(SNAKEMAKE) --lint

format: $(READY)
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	$(BIN)/snakefmt Snakefile workflow

schema: $(READY)
	$(BIN)/python -m hopeworld.settings_docs

setup: $(READY)

# A killed pip leaves packages that look installed: an unfinished .venv is made anew, as is a broken
# one. The pip that Python 3.11 brings looks at the indexes of PyPI three times as long. All cores
# compile what pip would with one, and pass over files that are no Python 3 and a fifth that nothing
# imports. The stamp comes last.
$(READY): $(REQUIREMENTS) pyproject.toml
	@test ! -e $(UNFINISHED) && $(BIN)/python -m pip --version >/dev/null 2>&1 \
		|| $(PYTHON) -m venv --clear .venv
	@touch $(UNFINISHED)
	$(INSTALL) pip==26.3
	$(INSTALL) --no-compile $(REQUIREMENTS:%=-r %)
	$(INSTALL) --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -qq -j 0 -x '/(tests|transformers/models)/' .venv/lib || true
	@rm $(UNFINISHED) && touch $@

clean:
	rm -rf .venv results/default results/smoke .pytest_cache .ruff_cache .hypothesis site
	find . -name __pycache__ -not -path "./.venv/*" -type d -prune -exec rm -rf {} +
