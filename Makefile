# The short way in; meson and ninja do the work. `make help` lists the targets.
PREFIX  ?= /usr/local
DESTDIR ?=
# CC from the command line or the environment; else clang, which makes the faster kernels, where there is one.
SETUP    = CC="$${CC:-$$(command -v clang || echo gcc)}" meson setup

.PHONY: all run test bench install clean help

all: build/build.ninja ## build the release program, build/loam
	@ninja -C build

run: ## all from nothing: install packages, build, fetch the default model, serve
	@scripts/setup build
	@$(MAKE) --no-print-directory all
	@build/loam model pull smollm2
	@exec build/loam serve

test: ## all from nothing: build with sanitizers and run every suite
	@scripts/setup test
	@$(MAKE) --no-print-directory all
	@$(MAKE) --no-print-directory build-test/build.ninja
	@ninja -C build-test all meson-test-prereq
	@exec scripts/test

bench: all ## speed on this machine, with its share of what the machine can do
	@build/loam model pull smollm2
	@build/loam bench -m smollm2

install: all ## put program, man page and shell completion under DESTDIR/PREFIX
	@meson configure build -Dprefix=$(abspath $(PREFIX))
	@ninja -C build
	@DESTDIR="$(DESTDIR)" meson install -C build --no-rebuild

clean: ## remove what was built
	rm -rf build build-test

help:
	@sed -nE 's/^([a-z]+):[^#]*## (.*)/make \1	\2/p' Makefile | expand -t 16

build/build.ninja:
	@scripts/setup --check build
	@$(SETUP) build --prefix=$(abspath $(PREFIX)) -Dbuildtype=release

build-test/build.ninja:
	@$(SETUP) build-test -Dtests=true -Dbuildtype=debugoptimized -Db_sanitize=address,undefined -Db_lundef=false
