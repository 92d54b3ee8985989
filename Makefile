# Targets for developers. "make" lists them; .ci/run defines what CI runs.

FUZZTIME ?= 30s
BENCH ?= .

# Experiments find the shared data beside the checkout when nothing else is said.
ifneq ($(wildcard ../shared/data),)
export EHRLAB_DATA ?= $(abspath ../shared/data)
endif

.PHONY: help build fmt lint test race fuzz classes golden results check bench ollama

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build bin/ehrlab
	go build -o bin/ehrlab ./runner/cmd/ehrlab

fmt: ## format Go and CUE
	go tool gofumpt -w .
	UPDATE=1 go test -count=1 -run '^TestCUEIsFormatted$$' ./schemas

lint: ## formatting, vet, staticcheck
	.ci/run lint

test: ## unit, property and script tests, shuffled
	go test -shuffle=on ./...

race: ## tests with the race detector
	.ci/run race

fuzz: ## each fuzz target for FUZZTIME (30s)
	@grep -rEo --include='*_test.go' '^func Fuzz[A-Za-z0-9_]+' . | while IFS=: read -r file func; do \
		echo "$${func#func } in $$(dirname "$$file")"; \
		go test -run '^$$' -fuzz "^$${func#func }$$" -fuzztime $(FUZZTIME) "$$(dirname "$$file")" </dev/null || exit 1; \
	done

classes: ## on amd64: scores with and without fused multiplication, held to the tolerances that metrics state
	@values=$$(mktemp -d); for level in v1 v3; do \
		EHRLAB_CLASS_VALUES=$$values/scores.json GOAMD64=$$level go test -count=1 -v -run '^TestScoresOfAnotherClass$$' ./plugins/all >$$values/log; \
		failed=$$?; grep -v '^=== \|--- PASS' $$values/log; \
		[ $$failed = 0 ] || break; \
	done; rm -r $$values; exit $$failed

golden: ## rewrite expected outputs; review the diff
	.ci/golden

results: build ## run all experiments through the cache, remake tables and plots
	@failed=0; for experiment in experiments/*.cue; do \
		echo "$$experiment"; bin/ehrlab run "$$experiment" || failed=1; \
	done; exit $$failed

check: ## before review: formatting, lint, race, expected outputs
	.ci/run lint race golden

ollama: ## prompting strategies and a judge against a real model server, which it builds
	.ci/ollama

bench: ## benchmarks whose names match BENCH (all), then the whole process against its design
	go test -run '^$$' -bench '$(BENCH)' -timeout 60m ./...
	go run ./runner/bench
