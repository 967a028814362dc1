"""Keys without registration: derived for every account, and recognised by deriving them again."""

import pytest

from webapp.core.errors import InvalidInputError
from webapp.core.sandbox_keys import account_keys, account_of

SECRET = "a-secret-of-more-than-thirty-two-characters"


def test_a_key_names_its_account() -> None:
    keys = account_keys(SECRET, "sbx-demo-1")
    assert keys.api_key.startswith("sbk_sbx-demo-1_")
    assert account_of(SECRET, keys.api_key) == "sbx-demo-1"


def test_each_account_and_each_purpose_has_another_key() -> None:
    one, two = account_keys(SECRET, "sbx-1"), account_keys(SECRET, "sbx-2")
    macs = {one.api_key[-64:], one.notice_secret[-64:], two.api_key[-64:], two.notice_secret[-64:]}
    assert len(macs) == 4


def test_a_key_of_another_secret_is_nobodys() -> None:
    assert account_of(SECRET, account_keys(SECRET + "!", "sbx-demo").api_key) is None


def test_a_key_cannot_be_carried_to_another_account() -> None:
    key = account_keys(SECRET, "sbx-mine").api_key
    assert account_of(SECRET, key.replace("sbx-mine", "sbx-yours")) is None


@pytest.mark.parametrize(
    "account", ["", "sbx-", "demo", "sbx-a_b", "sbx-a b", "sbx-" + "a" * 49, "sbx-a\n", "sbx-ä"]
)
def test_an_account_needs_a_proper_name(account: str) -> None:
    with pytest.raises(InvalidInputError):
        account_keys(SECRET, account)


@pytest.mark.parametrize(
    "key",
    ["", "sbk_", "sbk_sbx-demo", "sbk_sbx-demo_", "sbk_sbx-demo_é", "sbk_sbx-_0", "_"],
)
def test_nonsense_is_nobodys_key(key: str) -> None:
    assert account_of(SECRET, key) is None


def test_keys_stay_out_of_the_repr() -> None:
    keys = account_keys(SECRET, "sbx-demo")
    assert keys.api_key not in repr(keys)
    assert keys.notice_secret not in repr(keys)
