# The two commands are `make run` and `make test`; `make help` lists the rest.

.DEFAULT_GOAL := help
.PHONY: help run test check bench setup clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-7s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: ## The whole job on the reference API: builds, starts, checks, records, renders target/trust-site, verifies it
	@sh tests/reference-run.sh

setup: ## Install what the tests need: a browser, git, ssh-keygen, validators
	@sh tests/setup.sh

test: setup ## Every test: units, the whole program, the kill matrix, foreign validators, a browser
	@sh tests/all.sh

check: ## Formatting, lints and documentation, warnings denied
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items --locked --quiet

bench: ## Measurements against peers, as docs/performance.md has them
	@sh tests/bench/all.sh

clean: ## Remove what was built
	cargo clean
