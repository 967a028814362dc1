import hashlib

import pytest
from flask import Flask
from itsdangerous import Signer

from tests.conftest import Configure
from webapp.domain.payments import sessions
from webapp.domain.tickets import buyer_tokens
from webapp.extensions import settings

CODE = "K7M2QD4X"

pytestmark = pytest.mark.usefixtures("rows")


def test_a_token_opens_its_own_link_and_fits_an_address() -> None:
    token = buyer_tokens.of(CODE)
    assert buyer_tokens.link_code(token) == CODE
    assert token == buyer_tokens.of(CODE)
    assert token.replace(".", "").replace("-", "").replace("_", "").isalnum()
    assert token[-1].isalnum(), "mail programs leave a last - or _ out of a link"


def test_a_token_of_one_link_opens_no_other() -> None:
    signature = buyer_tokens.of(CODE).partition(".")[2]
    assert buyer_tokens.link_code(f"ABCDEFGH.{signature}") is None


@pytest.mark.parametrize(
    "token", ["", CODE, f"{CODE}.", ".", f"{CODE}.{'A' * 43}", "ü.ü", f"{CODE}.\x00"]
)
def test_what_we_did_not_sign_opens_nothing(token: str) -> None:
    assert buyer_tokens.link_code(token) is None


@pytest.mark.parametrize("at", [0, 8, 9, 30])
def test_a_changed_token_opens_nothing(at: int) -> None:
    token = buyer_tokens.of(CODE)
    other = "B" if token[at] != "B" else "C"
    assert buyer_tokens.link_code(token[:at] + other + token[at + 1 :]) is None


def test_who_changes_the_secret_key_ends_every_token(configure: Configure) -> None:
    token = buyer_tokens.of(CODE)
    configure(secret_key="another key of the tests, also long enough")
    assert buyer_tokens.link_code(token) is None


def test_no_other_signature_of_the_house_is_a_token(rows: Flask) -> None:
    cookie = sessions.new_token(CODE)
    assert buyer_tokens.link_code(cookie) is None
    key = settings.secret_key.get_secret_value()
    for salt in ("", "sitting", "itsdangerous.Signer", "cookie-session"):
        signed = Signer(key, salt=salt, digest_method=hashlib.sha256).sign(CODE).decode()
        assert buyer_tokens.link_code(signed) is None
