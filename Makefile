# A thin front of the CMake presets: `make help` lists what there is.
PRESET ?= default
PREFIX ?= /usr/local
BUILD := build/$(PRESET)

.PHONY: all configure deps demo test bench report install clean help

all: configure         ## build the program, build/default/tritmill
	@cmake --build --preset $(PRESET) --target tritmill

configure:
	@sh .ci/packages check
	@mkdir -p build
	@cmake --preset $(PRESET) --log-level=WARNING >$(BUILD).log 2>&1 || { cat $(BUILD).log; exit 1; }

deps:                  ## install the Debian packages that building needs
	@sh .ci/packages build

demo: deps             ## generate, prove, run: the whole way, with BitNet b1.58 2B4T's shapes
	@$(MAKE) --no-print-directory all
	@sh tests/demo.sh $(BUILD)

test:                  ## build and run all tests; ends with `N passed, N failed`
	@sh .ci/packages test
	@$(MAKE) --no-print-directory configure
	@cmake --build --preset $(PRESET)
	@sh tests/run.sh $(PRESET)

bench: all             ## speed of 2B4T's shapes beside this machine's limits
	@sh tests/demo.sh $(BUILD) bench

report: all            ## precisions and recipes of training, measured: build/report/report.html
	@python3 -B runtime/train/recipe/report.py $(BUILD)/tritmill

install: configure     ## program, library, pages: into PREFIX (default /usr/local), under DESTDIR
	@cmake --build --preset $(PRESET) --target installed
	@cmake --install $(BUILD) --prefix $(PREFIX)

clean:                 ## remove all that was built
	rm -rf build

help:                  ## this list
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/:[^#]*##/	/' | expand -t 12
