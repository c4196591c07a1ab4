# A thin front of the CMake presets: `make help` lists what there is.
PRESET ?= default
PREFIX ?= /usr/local
BUILD := build/$(PRESET)
TRITMILL := $(BUILD)/tritmill
CC_TESTS := build/$(PRESET)/tests

.PHONY: all demo test bench install clean help packages

all: packages          ## build everything: $(BUILD)/tritmill
	@cmake --preset $(PRESET) --log-level=WARNING >$(BUILD).log 2>&1 || { cat $(BUILD).log; exit 1; }
	@cmake --build --preset $(PRESET)

packages:
	@sh .ci/packages build
	@mkdir -p build

demo: all              ## generate, prove, run: the whole way, with BitNet b1.58 2B4T's shapes
	@sh tests/demo.sh $(BUILD)

test:                  ## all tests; ends with `N passed, N failed`
	@sh .ci/packages test
	@$(MAKE) --no-print-directory all
	@sh tests/run.sh $(PRESET)

bench: all             ## speed of 2B4T's shapes beside this machine's limits
	@sh tests/demo.sh $(BUILD) bench

install: all           ## into PREFIX (default /usr/local)
	@cmake --install $(BUILD) --prefix $(PREFIX)

clean:                 ## remove all that was built
	rm -rf build

help:                  ## this list
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/:[^#]*##/	/' | expand -t 12
