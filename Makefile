# The day's commands. Each target is a line; what it does is in scripts/.
# `make` alone lists them.

.DEFAULT_GOAL := list
.PHONY: list run test check fmt e2e crash fuzz bench

list: ## list the targets
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

run: ## build for real use and serve on http://127.0.0.1:8080 (ARGS="--listen ..." for more)
	@scripts/run.sh $(ARGS)

test: ## everything: sources, crates on both databases, real clients; installs what it needs
	@scripts/test.sh

check: ## tidy, format, clippy, licences, shell
	@scripts/setup.sh test
	@scripts/check.sh

fmt: ## format the sources
	@cargo fmt --all

e2e: ## real clients against a release build (CASES="docker helm" for some)
	@scripts/setup.sh test
	@cargo build --release --locked -p haven-server
	@HAVEN_BIN=$${CARGO_TARGET_DIR:-target}/release/haven e2e/run.sh $(CASES)

crash: ## kill a release build in the middle of pushes (CRASHES=200, ENGINE=postgres, STORAGE=s3 for more)
	@scripts/setup.sh test
	@cargo build --release --locked -p haven-server
	@scripts/crash.sh $(or $(ENGINE),sqlite) $(or $(STORAGE),files)

fuzz: ## fuzz every parser, SECONDS_EACH seconds each (60)
	@fuzz/run.sh $(or $(SECONDS_EACH),60)

bench: ## measure beside other servers (MEASURES="pulls pushes" for some, QUICK=1 for a smoke run)
	@scripts/setup.sh test
	@bench/run.sh $(MEASURES)
