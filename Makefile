# Everything runs in .venv, which every target makes if it is missing or out of date.
PYTHON ?= python3
BIN := .venv/bin

# pip's isolated build must take the tested versions too; old pips read the first name, new ones the second
export PIP_CONSTRAINT := constraints.txt
export PIP_BUILD_CONSTRAINT := constraints.txt

.PHONY: help install course test test-long test-all fuzz coverage mutants lab docs docs-serve screenshots bench lesson page export lessons functions bands students format constraints clean

help:  ## list the targets (what `make` alone does)
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s%s\n", $$1, $$2}' Makefile

install: .venv/installed  ## make .venv with the exact tested versions; 2 minutes, 7 GB
.venv/installed: settings.ini setup.py pyproject.toml constraints.txt
	@echo "installing into .venv: about 2 minutes and 7 GB on Linux, of it 5.5 GB PyTorch with its libraries for NVIDIA cards"
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -e '.[dev]' -c constraints.txt
	touch $@

course: install  ## the whole system on the embedded data: tables, figures and report in runs/demo
	$(BIN)/reid-course demo

test: install  ## every lesson, every test; about 25 minutes on 2 cores
	$(BIN)/pytest -n logical --dist worksteal

test-long: install  ## browsers for minutes, environments, all options; is to take at most 25 minutes more
	$(BIN)/pytest -n logical --dist worksteal -m "long and not deep"

test-all: install  ## everything, with more processes and more kills: hours
	$(BIN)/pytest -n logical --dist worksteal -m ""

fuzz: install  ## ten thousand damaged and invented inputs, new ones each time
	REID_FUZZ=950 $(BIN)/pytest tests/robustness/test_fuzz_*.py

coverage: install  ## which branches of the package no test reaches; half an hour
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -n logical --dist worksteal
	$(BIN)/coverage run -m pytest -n logical --dist worksteal -m deep tests/course/test_functions.py # lessons on the package
	$(BIN)/coverage combine -q
	$(BIN)/coverage report --show-missing --skip-covered
	$(BIN)/python tools/unreached.py

mutants: install  ## which mistakes in metrics, losses, sampler and split no test would notice; half an hour
	$(BIN)/python tools/survivors.py

lab: install  ## the lessons in JupyterLab, from the start
	$(BIN)/jupyter lab nbs/start.ipynb

bench: install  ## measure against peers, plain versions and limits: bench/results.md; an hour, on an idle machine
	$(BIN)/python bench/run.py --big

lesson: install  ## begin a lesson: make lesson NAME=its_module
	$(BIN)/python tools/new.py lesson "$(NAME)"

page: install  ## begin a page of the workshop: make page NAME=subpackage.its_module
	$(BIN)/python tools/new.py page "$(NAME)"

export: install  ## after editing a lesson: the package and README.md from the notebooks, notebooks clean
	$(BIN)/nbdev_export
	$(BIN)/nbdev_clean
	$(BIN)/python tools/readme.py

lessons: install  ## run the notebooks that changed and store what they show; results/try too
	$(BIN)/python tools/lessons.py
	TQDM_DISABLE=1 OMP_NUM_THREADS=1 $(BIN)/python tools/try_page.py

functions: install  ## whether a cell would miss each exported function, of the notebooks that changed
	$(BIN)/python tools/functions.py

bands: install  ## measure again what a reader should find: results/bands.json; then make lessons
	$(BIN)/python tools/bands.py

docs: install  ## the site from what the lessons show, in _docs/; fetches KaTeX with npm once
	$(BIN)/python tools/docs.py

docs-serve: docs  ## the site on this machine
	$(BIN)/python -m http.server --bind 127.0.0.1 --directory _docs 8000

screenshots: docs  ## pictures of every page at three widths, light and dark, in build/; needs chromium
	$(BIN)/python tools/screenshots.py

students: install  ## the lessons without their solutions, in student/
	$(BIN)/python tools/students.py

format: install  ## ruff's fixes and layout, in lessons and tests
	$(BIN)/ruff check --fix nbs tests tools bench setup.py
	$(BIN)/ruff format nbs tests tools bench setup.py

constraints:  ## resolve constraints.txt after a change in settings.ini; needs uv; keeps pins that still fit
	uv pip compile -q --universal --python-version 3.11 --extra dev pyproject.toml \
		--no-header --no-annotate -o constraints.txt

clean:  ## remove what can be made again; .venv and runs/ stay
	rm -rf _docs _proc build dist student *.egg-info .pytest_cache .ruff_cache
	find nbs reid_course tests tools -name __pycache__ -o -name .ipynb_checkpoints | xargs rm -rf
