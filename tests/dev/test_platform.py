import json
import subprocess

from dev.paths import ROOT
from dev.stack import procfile
from webapp.config import Settings


def test_the_app_of_the_platform_is_given_every_setting_that_has_no_default() -> None:
    app = json.loads((ROOT / "app.json").read_text())
    from_addons = {"DATABASE_URL", "REDIS_URL"}
    needed = {
        name.upper() for name, field in Settings.model_fields.items() if field.is_required()
    } - from_addons

    assert needed <= set(app["env"])
    assert set(app["env"]) <= {name.upper() for name in Settings.model_fields}
    assert {addon["plan"].partition(":")[0] for addon in app["addons"]} == {
        "heroku-postgresql",
        "heroku-redis",
    }


def test_the_platform_runs_the_programs_of_the_procfile() -> None:
    app = json.loads((ROOT / "app.json").read_text())

    assert list(procfile()) == ["release", "web", "worker", "scheduler"]
    assert set(app["formation"]) == set(procfile()) - {"release"}


def test_make_alone_lists_every_command() -> None:
    lines = (ROOT / "Makefile").read_text().splitlines()
    commands = next(line for line in lines if line.startswith(".PHONY:")).split()[1:]

    told = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout

    assert [line.split()[1] for line in told.splitlines()] == commands
