# Each target sets up what it needs in .venv and calls one script; without make, call the script.
.PHONY: demo test check bench fuzz setup

setup:
	scripts/setup.sh dev

demo:
	scripts/demo.sh

test:
	scripts/test.sh

check:
	scripts/check.sh

bench:
	scripts/bench.sh

fuzz:
	scripts/fuzz.sh
