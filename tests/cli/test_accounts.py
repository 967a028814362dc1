"""`flask account`: connected, listed, tested, replaced, disconnected; no secret among the words."""

import json
from collections.abc import Iterator

import pytest
from click.testing import Result
from cryptography.fernet import Fernet
from flask import Flask

from tests.conftest import Configure
from tests.factories import Factories, everything, fresh
from tests.fakes.serving import served
from tests.fakes.sumup import FakeSumUp
from webapp.core.states import AccountState
from webapp.domain.payments import accounts, credentials
from webapp.extensions import settings
from webapp.models import ProviderAccount
from webapp.providers import http


@pytest.fixture
def sumup(configure: Configure) -> Iterator[FakeSumUp]:
    fake = FakeSumUp()
    with served(fake) as fake.url:
        configure(sumup_url=fake.url)
        yield fake
        fake.close()
    http.close()


def run(app: Flask, *words: str, typed: str = "") -> Result:
    return app.test_cli_runner().invoke(args=["account", *words], input=typed)


def add(app: Flask, make: Factories, key: str, *words: str) -> Result:
    secrets = json.dumps({"api_key": key})
    return run(
        app, "add", make.shop.slug, "sumup", "--account", "MCTEST42", "--secrets-stdin", *words,
        typed=secrets,
    )  # fmt: skip


def sumups() -> list[ProviderAccount]:
    return [one for one in everything(ProviderAccount) if one.provider == "sumup"]


def test_an_account_is_connected_and_listed_without_its_secrets(
    rows: Flask, make: Factories, sumup: FakeSumUp
) -> None:
    done = add(rows, make, sumup.api_key)
    assert done.exit_code == 0
    (account,) = sumups()
    assert done.output.splitlines() == [
        f"{account.id}  sumup  MCTEST42  test  ACTIVE",
        f"Its notices come to {accounts.notice_url(account)}",
    ]
    listed = run(rows, "list", make.shop.slug)
    assert f"{account.id}  sumup  MCTEST42  test  ACTIVE" in listed.output.splitlines()
    assert len(listed.output.splitlines()) == 2
    assert sumup.api_key not in done.output + listed.output


def test_secrets_are_asked_for_and_not_shown(
    rows: Flask, make: Factories, sumup: FakeSumUp
) -> None:
    words = ("add", make.shop.slug, "sumup", "--account", "MCTEST42")
    done = run(rows, *words, typed=f"{sumup.api_key}\n\n")
    assert done.exit_code == 0
    assert "Secret API key (may stay empty): " in done.output
    assert sumup.api_key not in done.output
    assert credentials.unseal(sumups()[0].credentials) == {"api_key": sumup.api_key}


@pytest.mark.parametrize(
    ("words", "typed", "code", "says"),
    [
        (("sumup", "--secrets-stdin"), '{"api_key": "k"}', 2, "account: is needed"),
        (("sumup", "--account", "M1", "--secrets-stdin"), "nonsense", 2, "must be a JSON object"),
        (("sumup", "--account", "M1", "--secrets-stdin"), '{"api_key": 7}', 2, "must be a JSON"),
        (("sumup", "--account", "M1", "--secrets-stdin"), '{"key": "k"}', 2, "can only be api_key"),
        (("sumup", "--account", "MCTEST42", "--secrets-stdin"), '{"api_key": "wrong-one"}', 2,
         "was refused by SumUp: the key is not accepted"),
        (("paypal", "--secrets-stdin"), "{}", 2, "provider: must be one of"),
    ],
)  # fmt: skip
def test_what_cannot_be_connects_nothing(
    rows: Flask,
    make: Factories,
    sumup: FakeSumUp,
    words: tuple[str, ...],
    typed: str,
    code: int,
    says: str,
) -> None:
    done = run(rows, "add", make.shop.slug, *words, typed=typed)
    assert (done.exit_code, len(done.output.splitlines())) == (code, 1)
    assert says in done.output
    assert "wrong-one" not in done.output
    assert sumups() == []


def test_a_provider_that_cannot_be_asked_can_be_overruled(
    rows: Flask, make: Factories, sumup: FakeSumUp
) -> None:
    sumup.misbehave("merchant", "unavailable")
    refused = add(rows, make, sumup.api_key)
    assert (refused.exit_code, "nothing was stored" in refused.output) == (1, True)
    assert add(rows, make, sumup.api_key, "--unchecked").exit_code == 0
    assert len(sumups()) == 1


def test_a_key_is_tested_and_replaced(rows: Flask, make: Factories, sumup: FakeSumUp) -> None:
    add(rows, make, sumup.api_key)
    number = str(sumups()[0].id)
    tested = run(rows, "test", number)
    assert (tested.exit_code, tested.output) == (
        0,
        "The key is accepted: MCTEST42 Sample Shop.\n",
    )
    sumup.api_key = "sup_sk_another"
    tested = run(rows, "test", number)
    assert (tested.exit_code, tested.output) == (1, "Not accepted: the key is not accepted.\n")
    secrets = json.dumps({"api_key": "sup_sk_another"})
    assert run(rows, "replace", number, "--secrets-stdin", typed=secrets).exit_code == 0
    assert run(rows, "test", number).exit_code == 0
    sumup.misbehave("merchant", "lost")
    away = run(rows, "test", number)
    assert (away.exit_code, "cannot be asked just now" in away.output) == (1, True)


def test_an_account_is_disconnected_and_connected_again(rows: Flask, make: Factories) -> None:
    account = accounts.active(make.shop)
    assert run(rows, "disconnect", str(account.id)).output.endswith("DISCONNECTING\n")
    assert fresh(account).state is AccountState.DISCONNECTING
    assert run(rows, "reconnect", str(account.id)).output.endswith("ACTIVE\n")
    assert run(rows, "disconnect", "4711").exit_code == 1


def test_new_links_are_paid_to_the_account_that_was_chosen(
    rows: Flask, make: Factories, sumup: FakeSumUp
) -> None:
    add(rows, make, sumup.api_key)
    (account,) = sumups()
    assert accounts.active(make.shop) != account
    assert run(rows, "choose", str(account.id)).exit_code == 0
    assert accounts.active(make.shop) == account
    run(rows, "disconnect", str(account.id))
    assert run(rows, "choose", str(account.id)).exit_code == 1


def test_the_sandbox_needs_no_key(rows: Flask, make: Factories) -> None:
    done = run(rows, "add", make.shop.slug, "sandbox")
    assert done.exit_code == 0
    assert len(everything(ProviderAccount)) == 1


def test_keys_are_rotated_and_counted(rows: Flask, make: Factories, configure: Configure) -> None:
    lost, _ = (accounts.active(make.merchant()) for _ in range(2))
    new = Fernet.generate_key().decode()
    configure(credentials_keys=f"{new},{settings.credentials_keys.get_secret_value()}")
    done = run(rows, "rotate-keys")
    assert (done.exit_code, done.output.splitlines()) == (
        0,
        [
            "Encrypted anew: 2",
            "Had the first key already: 0",
            "Cannot be read with any key: 0",
        ],
    )
    make.change(lost, credentials=b"of a key that is lost")
    done = run(rows, "rotate-keys")
    assert done.exit_code == 1
    assert "Cannot be read with any key: 1" in done.output


@pytest.mark.parametrize(
    "word", ["add", "list", "replace", "test", "choose", "disconnect", "reconnect", "rotate-keys"]
)
def test_every_command_explains_itself_and_none_takes_a_secret_as_a_word(
    rows: Flask, word: str
) -> None:
    done = run(rows, word, "--help")
    assert done.exit_code == 0
    assert "Usage" in done.output
    assert not any(name in done.output for name in ("--api-key", "--secret ", "--event-secret"))
