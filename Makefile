# Everything that people do here, a word each.
#   make run PORT=8001 HOST=0.0.0.0 SLURM=lab PYTHON=/path/to/python3.13

PORT ?= 8000
HOST ?= 127.0.0.1
export PORT HOST SLURM PYTHON ONLY EMAIL

# One simple command, so that make starts it without a shell between: it gets make's signals.
IN_VENV := deploy/local/setup.sh --
IN_DEV_VENV := deploy/local/setup.sh --dev --

.DEFAULT_GOAL := help
.PHONY: help run test test-full check lab-up lab-down bench lock messages token shell clean reset

help: ## List what there is
	@sed -n 's/^\([a-z-]*\):.*## /  make \1	/p' $(MAKEFILE_LIST) | expand -t 20

run: ## The portal on this machine, at http://127.0.0.1:8000/ (PORT=, HOST=; SLURM=lab: on real clusters)
	@$(IN_VENV) -m deploy.local.run

test: ## Everything, real Slurm and browser included; says what it had to leave out
	@$(IN_DEV_VENV) -m deploy.local.test

test-full: ## The same at full size: more kills, more fuzz, every variant
	@$(IN_DEV_VENV) -m deploy.local.test --full

check: ## In a minute: lint, format, types, imports, templates, migrations, translations
	@$(IN_DEV_VENV) -m deploy.local.check

lab-up: ## Start real Slurm clusters on this machine (Debian or Ubuntu, as root)
	@$(IN_VENV) -m deploy.lab.lab up

lab-down: ## Stop exactly what lab-up started
	@$(IN_VENV) -m deploy.lab.lab down

bench: ## Measure (ONLY=ledger: that alone)
	@$(IN_DEV_VENV) -m bench $(ONLY)

lock: ## Resolve the requirements anew, within what pyproject.toml allows
	@$(IN_DEV_VENV) -m deploy.local.lock

messages: ## Collect the strings to translate into locale/
	@$(IN_DEV_VENV) -m deploy.local.messages

token: ## An API token of a demo user: make token EMAIL=agency@demo.taqseem.test
	@$(IN_VENV) manage.py demo_token $(EMAIL)

shell: ## Django's shell in the running portal
	@$(IN_VENV) manage.py shell

clean: ## Remove caches; keeps .venv and the data of make run
	@rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache test-results
	@find . -name __pycache__ -type d -not -path './.venv/*' -prune -exec rm -rf {} +

reset: ## Forget the data of make run, and start afresh next time
	@$(IN_VENV) -m deploy.local.reset
