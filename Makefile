# Two commands are all it takes on a fresh machine:
#
#   make demo    builds dnspect and has it judge a real capture of an outage
#   make test    everything that CI checks (.ci/run calls it)
#
# Both first install what is missing, and say what before they do (.ci/setup).

# Where rustup puts cargo, also when it was installed a moment ago by .ci/setup.
export PATH := $(HOME)/.cargo/bin:$(PATH):/opt/homebrew/opt/rustup/bin:/usr/local/opt/rustup/bin

CARGO ?= cargo
# The lock file is part of what is checked: no test may run with other versions than those in it.
LOCKED := --locked
CAPTURE := captures/upstream-blocked/node2-any.pcap

.PHONY: help demo test fmt deny clippy doc build tests

help:
	@sed -n 's/^#   \(make .*\)/\1/p' Makefile

demo:
	@./.ci/setup
	$(CARGO) build --release $(LOCKED)
	@echo
	@echo 'A node of a cluster, 27 seconds: a network policy cuts CoreDNS from its upstream resolvers.'
	@echo '$$ dnspect read $(CAPTURE)'
	@echo
	@status=0; \
	target=$$($(CARGO) metadata --format-version 1 --no-deps --offline | sed 's/.*"target_directory":"\([^"]*\)".*/\1/'); \
	"$$target/release/dnspect" read $(CAPTURE) || status=$$?; \
	echo; \
	case $$status in \
	1) echo 'Exit status 1: a problem was found, as it should be. Your own: '"$$target"'/release/dnspect read FILE';; \
	*) echo "Exit status $$status: the demo expects 1, a problem found." >&2; exit 1;; \
	esac

# Fast checks first; tests last, so that their results are what remains on the screen.
test:
	@./.ci/setup test
	@$(MAKE) --no-print-directory fmt
	@$(MAKE) --no-print-directory deny
	@$(MAKE) --no-print-directory clippy
	@$(MAKE) --no-print-directory doc
	@$(MAKE) --no-print-directory build
	@$(MAKE) --no-print-directory tests

fmt:
	$(CARGO) fmt --check

# Advisories need their database from the network; without one the other checks still run.
deny:
	@if ! $(CARGO) deny --version >/dev/null 2>&1; then \
		echo 'cargo deny is not installed: licences, bans and sources are not checked (cargo install cargo-deny --locked)'; \
	else \
		echo '$(CARGO) deny --offline check licenses bans sources'; \
		$(CARGO) deny --offline check licenses bans sources; \
	fi

clippy:
	$(CARGO) clippy $(LOCKED) --all-targets -- -D warnings
	$(CARGO) clippy $(LOCKED) --all-targets --no-default-features -- -D warnings

doc:
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc $(LOCKED) --no-deps

# The smallest build: reads no compressed captures, writes no Parquet.
build:
	$(CARGO) build $(LOCKED) --no-default-features

tests:
	$(CARGO) test $(LOCKED) --no-fail-fast
