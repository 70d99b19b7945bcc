# The containers; included by the root Makefile.
COMPOSE := docker compose $(if $(TLS),--file docker-compose.yml --file docker-compose.tls.yml)
HTTP_PORT ?= 8080
BASE := $(if $(TLS),$(or $(PUBLIC_ORIGIN),https://localhost:$(PORT)),http://localhost:$(PORT))

export HTTP_PORT
VOLUMES ?=

.PHONY: up down docker-check docker-logs docker-running docker-any docker-test

docker-check:
	@command -v docker >/dev/null || { echo "Docker is not installed; without it: make run" >&2; exit 1; }
	@docker compose version >/dev/null 2>&1 || { echo "Docker Compose v2 is not installed (docker compose)." >&2; exit 1; }
	@docker info >/dev/null 2>&1 || { echo "The Docker engine does not answer: start it, or may you use it?" >&2; exit 1; }

up: docker-check ## build and start the containers, with demo data (PORT=8080; TLS=1: https, PORT=8443 HTTP_PORT=8080)
	@$(PYTHON) -m infra.local.ports "$(PORT)" $$($(COMPOSE) ps -q gateway 2>/dev/null)
	@$(COMPOSE) up --build --detach --wait || { \
	  $(COMPOSE) logs --no-color --tail 15 >&2; \
	  echo "The containers did not come up; what they said last is above. make down stops the rest;" \
	    "make down VOLUMES=1 deletes the data too." >&2; exit 1; }
	@$(COMPOSE) run --rm --no-deps --quiet-pull demo
	@$(PYTHON) -m infra.local.page "$(BASE)" $(if $(TLS),$(if $(TLS_CERT_FILE)$(ACME_EMAIL),,--insecure))

down: docker-check ## stop the containers; data stays (VOLUMES=1 deletes it)
	@$(COMPOSE) --profile demo down --remove-orphans $(if $(VOLUMES),--volumes)

docker-running:
	@test -n "$$($(COMPOSE) ps -q gateway 2>/dev/null)"

docker-any:
	@test -n "$$($(COMPOSE) ps -q 2>/dev/null)"

docker-logs: docker-check
	@$(COMPOSE) logs --follow --tail 20

docker-test: docker-check ## what the running containers promise: users, networks, sizes; rollout, backup, restore
	@$(PYTHON) infra/docker/check.py
	@$(PYTHON) -m infra.docker.operations
