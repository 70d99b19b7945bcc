# Everything from one place; `make` alone lists the targets. PORT, DATA, BASE_URL and PYTHON may be set.
PYTHON ?= python3
TLS ?=
PORT ?= $(if $(TLS),8443,8080)
DATA ?= .local
BASE_URL ?=
BACKUPS ?= backups

FOLDERS := services/auth services/expenses gateway infra/local tests-e2e
WITH_IMPORTS := services/auth services/expenses

export PORT

.DEFAULT_GOAL := help
.PHONY: help run test install lint fmt types imports e2e faults compat load load-ui bench soak logs status backup restore rollout seed keys-rotate user-disable user-enable user-reset user-data-erase audit lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# What a newcomer calls first says what is missing.
define with-python
command -v $(PYTHON) >/dev/null || { \
  echo 'Python 3.11 or newer is needed, and there is no $(PYTHON): install it, or give another: make $@ PYTHON=…' >&2; \
  exit 1; }; \
exec $(PYTHON)
endef

run: ## everything on this machine without Docker (PORT=8080 DATA=.local; TLS=1: https, PORT=8443)
	@$(with-python) -m infra.local --port "$(PORT)" --data "$(DATA)" $(if $(TLS),--tls)

test: ## lint, types, import contracts and all tests
	@$(with-python) -m infra.local.checks

install: ## all environments, from the lock files
	@$(with-python) -m infra.local --install $(FOLDERS)

lint: install ## ruff in each folder
	@set -e; for folder in $(FOLDERS); do $(MAKE) --no-print-directory -C $$folder lint; done

fmt: install ## ruff mends and formats
	@set -e; for folder in $(FOLDERS); do $(MAKE) --no-print-directory -C $$folder fmt; done

types: install ## mypy, strict, in each folder
	@set -e; for folder in $(FOLDERS); do $(MAKE) --no-print-directory -C $$folder types; done

imports: install ## the direction of imports within the services
	@set -e; for folder in $(WITH_IMPORTS); do $(MAKE) --no-print-directory -C $$folder imports; done

e2e: install ## journeys through the gateway at BASE_URL, or on a stack of their own
	@$(MAKE) --no-print-directory -C tests-e2e test BASE_URL="$(BASE_URL)"

faults: install ## what breaks, on a stack of two replicas of each service, and heals (FAULTS_PATIENCE)
	@$(MAKE) --no-print-directory -C tests-e2e faults

compat: install ## the release before (infra/previous-release) beside this one, and from it to this one under load
	@$(MAKE) --no-print-directory -C tests-e2e compat

load: install ## people at a fixed rate through the gateway; fails by its budgets (BASE_URL, RATE, DURATION)
	@$(MAKE) --no-print-directory -C tests-e2e load BASE_URL="$(BASE_URL)"

load-ui: install ## the same with Locust's web page
	@$(MAKE) --no-print-directory -C tests-e2e load-ui BASE_URL="$(BASE_URL)"

bench: install ## how fast it is, as ratios to references (ROWS=P1,P3 QUICK=1 ROUNDS GROWTH=10M)
	@$(MAKE) --no-print-directory -C tests-e2e bench

soak: install ## ten minutes of load, after which no process may have grown (MINUTES)
	@$(MAKE) --no-print-directory -C tests-e2e soak

# Through the environment, so that no character of it means anything to the shell.
export REQUEST
logs: ## follow the logs of what runs (REQUEST=…: what all parts tell of one request, by its id)
	@if [ -n "$$REQUEST" ]; then $(call where-it-runs,logs,-- "$$REQUEST"); \
	elif [ -e "$(DATA)/logs" ] && ! $(MAKE) --no-print-directory -s docker-running 2>/dev/null; then \
	  tail -n 20 -F "$(DATA)"/logs/*.log; else $(MAKE) --no-print-directory docker-logs; fi

# On the containers when any runs, else on what `make run` runs.
define where-it-runs
if $(MAKE) --no-print-directory -s docker-any 2>/dev/null; then \
  $(PYTHON) -m infra.local.$(1) --compose "$(COMPOSE)" $(2); \
else $(PYTHON) -m infra.local.$(1) --data "$(DATA)" $(2); fi
endef

status: ## each part of what runs, its state, its version; fails unless all are ready
	@$(call where-it-runs,status)

backup: ## both databases and the sessions of what runs, into a new folder (BACKUPS=backups)
	@$(call where-it-runs,backup,--to "$(BACKUPS)")

rollout: ## replace SVC=auth or SVC=expenses while requests go on
	@test -n "$(SVC)" || { echo "Name the service: make rollout SVC=auth or SVC=expenses" >&2; exit 2; }; \
	$(call where-it-runs,rollout,"$(SVC)")

# Through the environment, so that no character of it means anything to the shell.
export FROM
restore: ## bring a backup back (FROM=backups/…; REPLACE=1 deletes the data that are there; WITHOUT_SESSIONS=1)
	@test -n "$$FROM" || { echo "Name the backup: make restore FROM=$(BACKUPS)/…" >&2; exit 2; }; \
	$(call where-it-runs,restore,"$$FROM" $(if $(REPLACE),--replace) $(if $(WITHOUT_SESSIONS),--without-sessions))

seed: ## the demonstration's data into a running stack at BASE_URL
	@$(PYTHON) infra/demo/seed.py --auth "$(or $(BASE_URL),http://localhost:$(PORT))" \
	  --expenses "$(or $(BASE_URL),http://localhost:$(PORT))"

# A command of a service's operator: in the containers when those run, else in what `make run` runs.
define operate
if $(MAKE) --no-print-directory -s docker-running 2>/dev/null; then \
  $(COMPOSE) exec -T $(1) python -m $(1)_service.operator $(2); \
else $(PYTHON) -m infra.local.operate --data "$(DATA)" $(1) $(2); fi
endef

keys-rotate: ## a new signing key, from now on; nobody is signed out
	@$(call operate,auth,keys-rotate)

# These go through the environment, so that no character of them means anything to the shell.
export EMAIL
export USER_ID
define operate-user
test -n "$$EMAIL" || { echo "Name the account: make $(1) EMAIL=ada@example.com" >&2; exit 2; }; \
$(call operate,auth,$(1) "$$EMAIL")
endef

user-disable: ## end all sessions of EMAIL and bar the account
	@$(call operate-user,user-disable)

user-enable: ## let EMAIL sign in again
	@$(call operate-user,user-enable)

user-reset: ## a one-time password for EMAIL, printed once
	@$(call operate-user,user-reset)

user-data-erase: ## all expenses data of closed accounts, for good (USER_ID='id id …'; - reads ids)
	@test -n "$$USER_ID" || { echo "Name the accounts: make user-data-erase USER_ID='id id …'" >&2; exit 2; }; \
	$(call operate,expenses,user-erase $$USER_ID)

audit: ## Dockerfiles, known weaknesses of dependencies, secrets in files, bills of materials (reports/sbom)
	@$(PYTHON) -m infra.audit $(if $(JUDGED),--judged)

lock: install ## write all lock files anew from what the .in files ask for
	@$(PYTHON) -m infra.local.locks

clean: ## remove environments and caches; data and secrets stay
	@set -e; for folder in $(FOLDERS); do $(MAKE) --no-print-directory -C $$folder clean; done

-include infra/docker.mk

%:
	@echo "make: there is no target '$@'; make alone lists them." >&2; exit 2
