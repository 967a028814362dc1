"""Merchants' credentials are encrypted, and their keys can be changed while everything runs."""

import pytest
from cryptography.fernet import Fernet, InvalidToken

from tests.conftest import Configure
from tests.factories import Factories, everything, fresh
from webapp.domain.payments import accounts, credentials
from webapp.domain.payments.credentials import Rotation
from webapp.extensions import settings
from webapp.models import ProviderAccount


@pytest.fixture
def new() -> str:
    return Fernet.generate_key().decode()


def test_what_was_sealed_is_opened_again_and_says_nothing_meanwhile(make: Factories) -> None:
    sealed = credentials.seal({"api_key": "sk_test_1"})
    assert b"sk_test_1" not in sealed
    assert credentials.unseal(sealed) == {"api_key": "sk_test_1"}
    assert credentials.seal({"api_key": "sk_test_1"}) != sealed


def test_keys_are_changed_without_a_moment_in_which_nothing_opens(
    make: Factories, configure: Configure, new: str
) -> None:
    old = settings.credentials_keys.get_secret_value()
    for _ in range(3):
        make.merchant()
    before = [accounts.connection(one).access for one in everything(ProviderAccount)]
    configure(credentials_keys=f"{new},{old}")
    assert [accounts.connection(one).access for one in everything(ProviderAccount)] == before
    assert credentials.rotate() == Rotation(rewritten=3)
    assert credentials.rotate() == Rotation(current=3)
    configure(credentials_keys=new)
    assert [accounts.connection(one).access for one in everything(ProviderAccount)] == before
    configure(credentials_keys=old)
    with pytest.raises(InvalidToken):
        accounts.connection(everything(ProviderAccount)[0])


def test_more_rows_than_one_batch_are_all_changed(
    make: Factories, configure: Configure, new: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(credentials, "_BATCH", 2)
    for _ in range(5):
        make.merchant()
    configure(credentials_keys=f"{new},{settings.credentials_keys.get_secret_value()}")
    assert credentials.rotate() == Rotation(rewritten=5)


def test_what_no_key_opens_stays_as_it_is_and_is_counted(
    make: Factories, configure: Configure, new: str
) -> None:
    lost, kept = (accounts.active(make.merchant()) for _ in range(2))
    make.change(lost, credentials=b"of a key that is lost")
    configure(credentials_keys=f"{new},{settings.credentials_keys.get_secret_value()}")
    assert credentials.rotate() == Rotation(rewritten=1, unreadable=1)
    assert fresh(lost).credentials == b"of a key that is lost"
    configure(credentials_keys=new)
    assert accounts.connection(fresh(kept)).access.secrets["api_key"]
