# The container image: built, tested with the limits of its tasks, and described. All of it needs a Docker engine.
IMAGE ?= rawmill:local
# Wheels are fetched through this machine's own network; `default` where the engine has one that reaches an index.
IMAGE_NETWORK ?= host
BASE_IMAGE ?=
IMAGE_OUT := build/image
VENV_IMAGE := .venv-image
IMAGE_STAMP := $(VENV_IMAGE)/.up-to-date

.PHONY: image image-test image-bill image-lint image-sbom image-licences image-report image-docs setup-image

image: ## Build the container image: IMAGE=NAME, BASE_IMAGE=NAME@sha256:... for another base
	@DOCKER_BUILDKIT=1 docker build --network $(IMAGE_NETWORK) $(if $(BASE_IMAGE),--build-arg BASE_IMAGE=$(BASE_IMAGE)) --tag $(IMAGE) .

image-test: setup setup-aws image ## Run web and worker from the image with the limits of their tasks; prints figures
	@RAWMILL_IMAGE=$(IMAGE) $(PY) -m pytest -p no:xdist -m image tests/image
	@cat $(IMAGE_OUT)/measured.txt

image-bill: setup ## What the image is made of, in MB
	@$(PY) -m image bill $(IMAGE) --out $(IMAGE_OUT)

image-lint: setup-image ## hadolint over the Dockerfile
	@$(VENV_IMAGE)/bin/hadolint Dockerfile

image-sbom: setup setup-image ## Write the bill of materials of the image (CycloneDX)
	@$(PY) -m image sbom $(IMAGE) --out $(IMAGE_OUT) --syft $(VENV_IMAGE)/bin/syft

image-licences: setup ## List the licences of everything in the image; refuses what has none
	@$(PY) -m image licences $(IMAGE) --out $(IMAGE_OUT)

image-report: image-lint image-bill image-sbom image-licences ## All of the four above

image-docs: setup ## Bring the table of docs/image.md up to date with the image
	@$(PY) -m image docs $(IMAGE)

setup-image: $(IMAGE_STAMP)

$(IMAGE_STAMP): requirements-image.txt | $(STAMP)
	@test -x $(VENV_IMAGE)/bin/python || $(PY) -m venv $(VENV_IMAGE)
	@echo "installing what looks at images into $(VENV_IMAGE)"
	@$(VENV_IMAGE)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements-image.txt
	@touch $@
