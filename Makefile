# The commands of this project. `make help` lists them; docs/operations.md says what they do.
# $(READY) installs what is missing, then becomes the command that follows it.
.DEFAULT_GOAL := help
.PHONY: help run test check format bench seed laws drill docs requirements

PORT ?= 8000
READY := dev/python -m dev.bootstrap

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-14s%s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: ## Run everything on http://127.0.0.1:8000; PORT=8100 or PROVIDER=sumup change that
	@exec $(READY) python -m dev.supervise '$(PORT)' '$(PROVIDER)'

test: ## Run the tests; some of them: make test T=tests/unit, or any words for pytest
	@exec $(READY) python -m dev.run_tests $(T)

check: ## Check format, style, types, floors and templates, then run the tests
	@$(READY) ruff format --check .
	@$(READY) ruff check .
	@$(READY) mypy
	@$(READY) lint-imports --cache-dir var/cache/import_linter
	@$(READY) djlint --lint --quiet templates
	@exec $(READY) python -m dev.run_tests

format: ## Format the code and repair what can be repaired
	@$(READY) ruff format .
	@$(READY) ruff check --fix .

bench: ## Measure; one group only: make bench ONLY=poll
	@exec $(READY) python -m bench $(if $(ONLY),--only '$(ONLY)')

seed: ## Put the demo data into the development database
	@exec $(READY) python -m dev.seed '$(PORT)'

laws: ## Switch each law's guard off and show that a test fails
	@exec $(READY) python -m dev.laws

drill: ## Run the longest tests, pay under crashes of everything, then 500 random histories
	@$(READY) python -m dev.run_tests -m drill
	@$(READY) python -m dev.drill
	@exec $(READY) python -m dev.run_tests -n0 --hypothesis-profile=drill tests/properties

docs: ## Write the generated parts of docs/, and take the pictures of every page
	@$(READY) python -m dev.docs
	@$(READY) python -m dev.switches
	@exec $(READY) python -m dev.screenshots

requirements: ## Compile pyproject.toml to requirements.txt and requirements-dev.txt
	@exec $(READY) python -m dev.requirements
