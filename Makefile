SHELL := /bin/bash
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

target ?= native
WEIGHTS ?=
PRECISION ?=
PRUNING ?=
READER ?=
SCHEDULE ?=
# Not part of the project: the public checkpoint and real plates, for `make results` where they are there.
RESULTS_PUBLIC ?= $(wildcard ../shared/weights/Final_LPRNet_model.pth)
RESULTS_DATA ?= $(wildcard ../shared/data/ccpd_val ../shared/data/mixed_val)

# The newest TVM and numpy need 3.11; `python3` first, so that a chosen default stays chosen.
PYTHON ?= $(shell for p in python3 python3.11 python3.12 python3.13; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
SOURCES := $(shell find host device_runtime lprnet targets -type f -not -path '*/__pycache__/*' -not -path '*/samples*/*' -not -name '*.md')
SAMPLES := $(wildcard lprnet/samples/* lprnet/samples_latin/* lprnet/samples_kr/*)
SETUP := .venv/.setup
TEST_SETUP := .venv/.test-setup

# A worker takes up to 2 GB; what is left is shared out again when one has run out of tests.
PYTEST := $(BIN)/python -m pytest -n logical --maxprocesses 4 --dist worksteal

APT_ARM := qemu-user g++-aarch64-linux-gnu debian-archive-keyring
APT_BOARD := qemu-system-arm qemu-utils e2fsprogs cpio kmod openssh-client g++-aarch64-linux-gnu debian-archive-keyring
APT_TEST := $(APT_ARM) qemu-user-static g++-arm-linux-gnueabihf g++-riscv64-linux-gnu mosquitto postgresql \
	openssh-server rsync chromium \
	python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-base gstreamer1.0-plugins-good

help: ## Show this help
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 24
	@echo '  Variables: target=NAME (see make targets), WEIGHTS=FILE, READER=cn|latin|kr, PRECISION=fp32|fp16|bf16|int8, PRUNING=none|light|tiny, SCHEDULE=tuned|default|metaschedule, BENCH="options of lpr-host bench", BOARD="options of lpr-host test-board", PIPELINE="options of lpr-host bench --pipeline"'

demo: build/demo/report.html ## Set up, build for this machine, read rendered streets, draw the report
	@echo 'plates found:  build/demo/annotated/'
	@echo 'measurements:  build/native/reports/demo.json'
	@echo 'report:        build/demo/report.html'

test: $(TEST_SETUP) ## Set up, then run all tests, as many at once as there are cores (4 at most)
	$(PYTEST)

test-fast: $(TEST_SETUP) ## The same without the tests that take more than ten seconds each
	$(PYTEST) -m 'not slow'

coverage: $(TEST_SETUP) ## Run all tests and list the lines that none of them runs; takes longer
	$(PYTEST) --cov --cov-report=term-missing:skip-covered

setup: $(SETUP) ## Create .venv with everything needed to build bundles

build: $(SETUP) ## Build the bundle build/TARGET (target=, WEIGHTS=, READER=, PRECISION=, PRUNING=, SCHEDULE=)
	$(BIN)/lpr-host build --target $(target) $(if $(WEIGHTS),--weights $(WEIGHTS)) $(if $(PRECISION),--precision $(PRECISION)) \
		$(if $(READER),--reader $(READER)) $(if $(PRUNING),--pruning $(PRUNING)) $(if $(SCHEDULE),--schedule $(SCHEDULE))

test-device: $(TEST_SETUP) ## Run the target's bundle under emulation and compare it with the host
	$(BIN)/lpr-host test-device --target $(target)

test-board: $(TEST_SETUP) ## Start a virtual board (target=rpi4 or rpi5), install its bundle and try what a board has to bear
	scripts/apt-install $(APT_BOARD)
	$(BIN)/lpr-host test-board --target $(target) $(BOARD)

deploy: $(SETUP) ## Bring the target's bundle onto boards over ssh (HOST=pi@board, or DEPLOY="options of lpr-host deploy")
	@test -n "$(strip $(HOST)$(DEPLOY))" || { echo "error: HOST: not given – make deploy HOST=pi@board" >&2; exit 2; }
	test -f build/$(target)/manifest.json || $(MAKE) build
	$(BIN)/lpr-host deploy $(DEPLOY) build/$(target) $(HOST)

targets: $(SETUP) ## List the boards there are profiles for
	@$(BIN)/lpr-host targets

doctor: $(SETUP) ## Say what is installed, what is missing and how to get it
	@$(BIN)/lpr-host doctor --target $(target)

tune: $(SETUP) ## Search register tiles for the target and record the best (PRECISION=)
	$(BIN)/lpr-host tune --target $(target) $(if $(PRECISION),--precision $(PRECISION))

bench: $(SETUP) .venv-bench/.setup ## Time this network and the whole pipeline against others, in turns; count instructions on ARM
	$(BIN)/lpr-host bench --python .venv-bench/bin/python $(if $(WEIGHTS),--weights $(WEIGHTS)) $(BENCH)
	$(BIN)/lpr-host bench --pipeline $(PIPELINE)
	$(BIN)/lpr-host count --python .venv-bench/bin/python $(if $(WEIGHTS),--weights $(WEIGHTS))
	$(BIN)/lpr-host count --pipeline

results: $(SETUP) ## Make the study's table: what pruning, int8 and compilation bring (RESULTS="options of lpr-host results")
	$(BIN)/lpr-host results $(RESULTS_PUBLIC:%=--weights %) $(RESULTS_DATA:%=--data %) $(RESULTS)

lint: $(TEST_SETUP) ## Check style, types and which room imports which
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

clean: ## Remove what was built; keeps .venv and downloads
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage

build/native/manifest.json: $(SOURCES) $(SAMPLES) | $(SETUP)
	$(BIN)/lpr-host build --target native

build/demo/report.html: build/native/manifest.json
	$(BIN)/lprnet scenes --output build/demo/streets --count 8
	rm -rf build/demo/annotated
	$(BIN)/lpr-run --bundle build/native --images build/demo/streets --benchmark 200 \
		--save-annotated build/demo/annotated --report file:build/native/reports/demo.json
	$(BIN)/lpr-host report build/native/reports/demo.json --pictures build/demo/annotated --html $@

$(SETUP): pyproject.toml
	scripts/set-up '$(PYTHON)' ''
	touch $@

.venv-bench/.setup: $(SETUP) scripts/install-peers
	scripts/apt-install $(APT_ARM)
	scripts/install-peers $(BIN)/python .venv-bench
	touch $@

# Not after $(SETUP): all at once is quicker, and makes that up to date too.
$(TEST_SETUP): pyproject.toml
	scripts/set-up '$(PYTHON)' '[test,lint,cross,peers]' $(APT_TEST)
	touch $(SETUP) $@

.PHONY: help demo test test-fast coverage setup build test-device test-board deploy targets doctor tune bench results lint clean
.DELETE_ON_ERROR:
