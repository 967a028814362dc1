"""`flask keys`: made, listed, revoked."""

from click.testing import Result
from flask import Flask

from tests.factories import Factories, everything
from webapp.domain.desk import api_keys
from webapp.models import ApiKey


def run(app: Flask, *words: str) -> Result:
    return app.test_cli_runner().invoke(args=["keys", *words])


def test_a_key_is_printed_once_and_can_be_revoked(rows: Flask, make: Factories) -> None:
    at = ("--merchant", make.shop.slug)
    done = run(rows, "make", "Shop", *at)
    assert done.exit_code == 0
    said = done.output.strip()
    (key,) = everything(ApiKey)
    listed = run(rows, "list", *at)
    assert listed.output == f"tgk_{key.prefix}  used never  works  Shop\n"
    assert api_keys.of(said) is not None
    ended = run(rows, "revoke", f"tgk_{key.prefix}", *at)
    assert ended.exit_code == 0
    assert "revoked 2" in ended.output
    assert api_keys.of(said) is None
    assert said not in listed.output + ended.output


def test_what_cannot_be_is_one_sentence(rows: Flask, make: Factories) -> None:
    at = ("--merchant", make.shop.slug)
    key, _ = api_keys.make(make.merchant(), "Another shop's", made_by="cli")
    for words, code, says in (
        (("make", "", *at), 2, "name: must not be empty"),
        (("make", "Shop", "--merchant", "nobody"), 1, "there is no merchant 'nobody'"),
        (("revoke", key.prefix, *at), 1, "there is no such key"),
        (("revoke", "x", *at), 1, "there is no such key"),
    ):
        done = run(rows, *words)
        assert (done.exit_code, len(done.output.splitlines())) == (code, 1)
        assert says in done.output
    assert [one.revoked_at for one in everything(ApiKey)] == [None]
