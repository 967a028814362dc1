import json
from pathlib import Path

import pytest
from flask import Flask

from tests.conftest import Configure
from tests.factories import everything
from webapp.core.errors import InvalidInputError
from webapp.core.money import Money
from webapp.domain.desk import demo_accounts, users
from webapp.domain.desk.demo_accounts import Wish
from webapp.domain.payments import accounts
from webapp.models import Merchant, PaymentLink, ProviderAccount

WRITTEN = {
    "provider": "paystack",
    "account": "412829",
    "currency": "NGN",
    "secrets": {"api_key": "sk_test_1"},
}
WISH = Wish.from_json(WRITTEN)


def test_a_merchant_is_paid_at_the_pretended_provider_in_its_currency(rows: Flask) -> None:
    made = demo_accounts.prepare(WISH)
    (merchant,), (link,) = everything(Merchant), everything(PaymentLink)
    assert (merchant.slug, link.code, link.money) == (
        "demo-paystack",
        made.payable_code,
        Money(250_000, "NGN"),
    )
    assert link.provider_account.provider == "paystack"
    assert made.notice_url == accounts.notice_url(link.provider_account)
    assert users.verify("paystack@stage.example", "small-stage-demo") is not None


def test_made_again_it_is_the_same_account_with_the_new_key_and_a_new_link(rows: Flask) -> None:
    first = demo_accounts.prepare(WISH)
    again = demo_accounts.prepare(Wish.from_json({**WRITTEN, "secrets": {"api_key": "sk_test_2"}}))
    (account,) = everything(ProviderAccount)
    assert accounts.connection(account).access.secrets["api_key"] == "sk_test_2"
    assert again.notice_url == first.notice_url
    assert again.payable_code != first.payable_code


def test_a_production_has_no_pretended_account(rows: Flask, configure: Configure) -> None:
    configure(environment="production")
    with pytest.raises(InvalidInputError):
        demo_accounts.prepare(WISH)
    assert everything(Merchant) == []


@pytest.mark.parametrize("missing", [*WRITTEN])
def test_what_tells_of_no_account_is_refused(missing: str) -> None:
    written = {name: value for name, value in WRITTEN.items() if name != missing}
    with pytest.raises(InvalidInputError):
        Wish.from_json(written)


def test_the_seed_connects_the_accounts_of_the_files_it_is_given(
    rows: Flask, tmp_path: Path
) -> None:
    file = tmp_path / "paystack.json"
    file.write_text(json.dumps(WRITTEN))
    words = ["seed", "--without-examples", "--account", str(file)]
    done = rows.test_cli_runner().invoke(args=words)
    assert done.exit_code == 0, done.output
    assert "Merchant          The Small Stage (paystack) (demo-paystack)" in done.output
    assert "/hooks/paystack/" in done.output
    assert "sk_test_1" not in done.output
