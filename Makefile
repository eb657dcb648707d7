# What a developer and CI run; `make help` says each in a line. The work is in tests/*.sh, to be run by hand as well.

# Where everything is kept that is compiled once: outside of the repo, so that a fresh clone finds it.
cache := $(abspath $(or $(MESHLAB_CACHE),$(if $(XDG_CACHE_HOME),$(XDG_CACHE_HOME)/meshlab),$(HOME)/.cache/meshlab))
export MESHLAB_CACHE := $(cache)

# Cargo's folder too, unless yours is set. Two clones share what they depend on and wait for each other's builds.
export CARGO_TARGET_DIR ?= $(cache)/target
meshlab := $(CARGO_TARGET_DIR)/debug/meshlab

.DEFAULT_GOAL := help
.PHONY: demo down test test-all e2e bench lint unit lab advisories reference image dist dist-build dist-manifests \
	dist-again publish-version publish-image publish-release publish-index help prepare

demo: prepare ## Two real clusters become one mesh, and a request crosses it; the lab stays up
	@tests/demo.sh up

down: ## End the demo's lab and remove all of it
	@tests/demo.sh down

test: prepare ## Lint, unit tests and lab tests, with what each tier took
	@tests/tiers.sh lint unit lab

test-all: prepare ## The same with everything that takes long
	@tests/tiers.sh --all lint unit lab

e2e: prepare ## The end-to-end tests on clusters of yours: MESH_E2E_CONTEXTS=one,two names their contexts
	@tests/tiers.sh contexts

bench: prepare ## Measure a join and drills; WRITE=docs/performance.md puts the figures there
	@for bench in join drill; do \
		cargo test --workspace --bench $$bench -- $(if $(WRITE),--write $(abspath $(WRITE))) || exit; \
	done

lint: prepare ## Formatting, clippy, licences and sources of what we depend on, scripts and workflows
	@tests/tiers.sh lint

unit: prepare ## What needs no cluster
	@tests/tiers.sh unit

lab: prepare ## What needs clusters, in the lab
	@tests/tiers.sh lab

advisories: prepare ## Known weaknesses of what we depend on: asks a database in the network
	@tests/tiers.sh advisories

reference: prepare ## Regenerate docs/reference, docs/man, docs/findings.md and the snapshots of help from the sources
	@MESH_REFERENCE_WRITE=1 INSTA_UPDATE=always cargo test --workspace --lib --bins --no-fail-fast cli::tests
	@INSTA_UPDATE=always cargo test --workspace --no-fail-fast --test help
	@MESH_REFERENCE_WRITE=1 cargo test --workspace --lib the_page_of_findings

image: out := $(abspath $(or $(OUT),$(CARGO_TARGET_DIR)/mesh-probe.tar))
image: prepare ## The probe's image as an OCI archive: OUT=FILE, IMAGE_PLATFORMS=linux/amd64,linux/arm64
	@cargo build --workspace --bins
	@$(meshlab) image --out $(out) --platforms $(or $(IMAGE_PLATFORMS),linux/amd64)
	@echo "the probe's image: $(out)"

# Each takes VERSION=v1.2.3 and OUT=DIR; PLATFORMS="linux-amd64 …" and BASE_URL=ADDRESS where it asks for them.
export VERSION OUT PLATFORMS BASE_URL

dist: prepare ## Packages for krew of VERSION=v1.2.3, in OUT=DIR (dist/ if unset)
	@krew/dist.sh all

dist-build: prepare ## Of these only archives and SBOMs, for PLATFORMS="linux-amd64 linux-arm64"
	@krew/dist.sh build

dist-again: prepare ## Build archives again, cold and in another folder: they must be the same as those in OUT
	@krew/dist.sh again

dist-manifests: ## Of these only krew's manifests, for the archives in OUT as BASE_URL=ADDRESS serves them
	@krew/dist.sh manifests

publish-version: ## Whether the tag VERSION=vX.Y.Z may be released
	@krew/publish.sh version $(VERSION)

publish-image: ## Push the probe's image: ARCHIVE=FILE, and TO=NAME where not under its own
	@krew/publish.sh image $(ARCHIVE) $(TO)

publish-release: ## Make the release of a tag: VERSION=vX.Y.Z OUT=DIR
	@krew/publish.sh release $(VERSION) $(OUT)

publish-index: ## Offer a version in this repository's own krew index: VERSION=vX.Y.Z MANIFESTS=DIR
	@krew/publish.sh index $(VERSION) $(MANIFESTS)

help: ## Say what each target does
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

prepare:
	@tests/prepare.sh
