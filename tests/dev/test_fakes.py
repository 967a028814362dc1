import sys
from collections.abc import Iterator

import pytest

from dev import fakes
from dev.paths import ROOT
from dev.ports import answers, free_ports
from dev.processes import Processes, Program
from dev.terminal import CommandError
from tests.dev.project import Project
from tests.fakes.__main__ import FAKES
from webapp.config import Settings
from webapp.providers.registry import ADAPTERS


def test_every_provider_but_the_sandbox_has_a_fake() -> None:
    assert set(fakes.PROVIDERS) == set(FAKES) == set(ADAPTERS) - {"sandbox"}
    for provider in fakes.PROVIDERS:
        names = {name.lower() for name in fakes.settings(provider, 8002)}
        assert names <= set(Settings.model_fields)


@pytest.mark.parametrize("words", [[], [""], [" "]])
def test_no_provider_need_be_named(words: list[str]) -> None:
    assert fakes.read_provider(words) == []


@pytest.mark.parametrize("word", ["SumUp", "paypal", "sandbox"])
def test_a_provider_that_is_not_there_is_refused_with_those_that_are(word: str) -> None:
    with pytest.raises(CommandError) as refused:
        fakes.read_provider([word])
    assert str(refused.value) == (
        f"PROVIDER must be one of sumup, paystack, stripe, billing, not {word!r}: "
        "make run PROVIDER=sumup."
    )


def test_make_run_refuses_a_wrong_provider_in_one_sentence(project: Project) -> None:
    refused = project.run("dev.supervise", "8000", "paypal")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("PROVIDER must be one of sumup, paystack, stripe, billing")


@pytest.mark.parametrize("provider", fakes.PROVIDERS)
def test_a_fake_shows_its_account_its_books_and_its_levers(provider: str, running: int) -> None:
    account = fakes.account(running)
    assert account["provider"] == provider
    assert provider == "billing" or account["secrets"]["api_key"] == fakes.KEY
    fakes.enter_webhook(provider, running, "http://127.0.0.1:9/hooks")
    assert answers(running, "/_control")
    assert f"http://127.0.0.1:{running}/_control/faults" in fakes.described(provider, running)


@pytest.fixture
def running(provider: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port at which a fake answers, as a process of its own."""
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "tests.fakes", provider]
    command += ["--port", str(port), "--key", fakes.KEY]
    with Processes(tmp_path_factory.mktemp("log")) as processes:
        processes.start(Program(provider, command, {"PATH": "", "PYTHONPATH": str(ROOT)}))
        processes.wait_until(lambda: answers(port, "/_control"), provider, within_s=60)
        yield port
