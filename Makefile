# Bare `make` prints this page. Every target is one command, so that it can be read and typed.

# One binary with nothing to install; and without cgo all memory is the collector's to bound.
export CGO_ENABLED ?= 0

.PHONY: help demo test test-fast test-race test-api test-aws test-aws-suite test-aws-shop lint-aws lint-asl test-parquet soak bench generate lint fmt check test-aws-tour

help: ## this page
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## a small market, live in the terminal, with its books checked at the end
	go run ./cmd/souk demo

test: ## everything that must hold: the house rules, every package, the tour
	go vet ./...
	go test ./...

test-fast: ## the same without the long campaigns, under a minute
	go test -short ./...

test-race: ## the fast suite under the race detector
	CGO_ENABLED=1 go test -short -race ./...

test-api: ## a real API fuzzer against a running server (needs PyPI; exit code 3 without)
	go test -tags apifuzz -c -o bin/api.test ./cmd/souk
	bin/api.test -test.v -test.run TestAPIFuzz

test-aws: lint-aws test-aws-suite test-aws-shop test-aws-tour ## everything of AWS, linted and on emulators (needs PyPI; says Error 3 without)

# As many trials at once as there are emulators: one takes a refused transaction back by putting
# every table back, so a trial has it to itself.
test-aws-suite: ## the suite of all adapters over emulators on loopback
	go test -tags awsemulated -c -o bin/aws.test ./platform/aws
	bin/aws.test -test.v -test.parallel 2 -rapid.checks 20 -test.run Emulated

test-aws-shop: ## the deployed shop on emulators: generated templates, real function binaries, souk verify
	go test -tags awsemulated -c -o bin/functions.test ./cmd/souk-lambda/lambdatest
	cd cmd/souk-lambda/lambdatest && ../../../bin/functions.test -test.v -test.run '(Shop|SignIn|ColdStart)Emulated'

test-aws-tour: ## every command of docs/deploy-aws.md, by AWS's command line on an emulator
	go test -tags awsemulated -c -o bin/functions.test ./cmd/souk-lambda/lambdatest
	cd cmd/souk-lambda/lambdatest && ../../../bin/functions.test -test.v -test.run TourEmulated

lint-aws: ## cfn-lint over the CloudFormation templates (needs PyPI; exit code 3 without)
	go test -tags cfnlint -c -o bin/lint.test ./cmd/souk
	cd cmd/souk && ../../bin/lint.test -test.v -test.run TestDeployLints

lint-asl: ## asl-validator over the state machines (needs npm; exit code 3 without)
	go test -tags asllint -c -o bin/machines.test ./app/machines
	cd app/machines && ../../bin/machines.test -test.v -test.run TestMachinesLint

test-parquet: ## DuckDB reads what souk export wrote (needs PyPI; exit code 3 without)
	go test -tags duckdb -c -o bin/parquet.test ./shop/analytics/parquet
	bin/parquet.test -test.v -test.run DuckDB

soak: ## long campaigns: crashes, kill -9, lying providers; see docs/faults.md for the last results
	SOUK_SOAK=1 go test -timeout 4h ./...

bench: ## orders a second, latencies, fsyncs, bytes and CPU per order on this machine
	go run ./cmd/souk bench

generate: ## rewrite what is generated: schemas, AsyncAPI, OpenAPI, docs/events.md, deploy/aws
	go test ./shop/event/contract ./app -run 'Golden|Current' -update
	go test ./cmd/souk -run DeployIsCurrent -update

lint: ## the optional second reader
	golangci-lint run

fmt: ## format
	gofmt -w .

check: ## what CI runs
	./.ci/run
