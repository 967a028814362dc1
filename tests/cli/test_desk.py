from collections.abc import Sequence

import pytest
from click.testing import Result
from flask import Flask

from tests.factories import Factories, everything
from webapp.domain.desk import users
from webapp.models import Merchant, User

PASSWORD = "correct horse battery"


def run(app: Flask, *words: str, typed: Sequence[str] = ()) -> Result:
    return app.test_cli_runner().invoke(args=list(words), input="".join(f"{t}\n" for t in typed))


def create(app: Flask, *words: str, typed: Sequence[str] = ()) -> Result:
    return run(app, "merchant", "create", "stage", "--name", "The Stage", *words, typed=typed)


def test_a_merchant_is_made_with_an_owner_whose_password_is_asked_for_twice(rows: Flask) -> None:
    done = create(
        rows, "--timezone", "Europe/Berlin", "--sandbox", "--owner-email", "olga@stage.example",
        typed=(PASSWORD, PASSWORD),
    )  # fmt: skip
    assert done.exit_code == 0
    assert "olga@stage.example signs in at http" in done.output
    assert PASSWORD not in done.output
    (merchant,) = everything(Merchant)
    assert (merchant.slug, merchant.timezone) == ("stage", "Europe/Berlin")
    olga = users.verify("olga@stage.example", PASSWORD)
    assert olga is not None
    assert (olga.merchant_id, olga.role) == (merchant.id, "owner")


def test_a_script_hands_the_password_over_on_standard_input(rows: Flask) -> None:
    done = create(
        rows, "--owner-email", "olga@stage.example", "--password-stdin", typed=(PASSWORD,)
    )
    assert done.exit_code == 0
    assert "New password" not in done.output
    assert users.verify("olga@stage.example", PASSWORD) is not None


def test_without_an_owner_nobody_is_asked_anything(rows: Flask) -> None:
    done = create(rows)
    assert (done.exit_code, done.output) == (0, "stage: The Stage\n")
    assert everything(Merchant)[0].timezone == "UTC"
    assert everything(User) == []


@pytest.mark.parametrize(
    ("words", "typed", "code", "says"),
    [
        (("--timezone", "Berlin"), (), 2, "timezone: must be a name such as Europe/Berlin"),
        (("--owner-email", "olga", "--password-stdin"), (PASSWORD,), 2, "email: must be"),
        (("--owner-email", "o@x.example", "--password-stdin"), ("short",), 2, "at least 12"),
        (("--owner-email", "o@x.example", "--password-stdin"), (), 2, "at least 12"),
        (("--owner-email", "o@x.example"), (PASSWORD, "another one"), 1, "Aborted!"),
        (("--owner-email", "o@x.example"), (), 1, "Aborted!"),
    ],
)
def test_what_cannot_be_makes_neither_merchant_nor_owner(
    rows: Flask, words: tuple[str, ...], typed: tuple[str, ...], code: int, says: str
) -> None:
    done = create(rows, *words, typed=typed)
    assert done.exit_code == code
    assert says in done.output
    assert "Traceback" not in done.output
    assert everything(Merchant) == []
    assert everything(User) == []


def test_an_owner_who_signs_in_elsewhere_already_makes_no_merchant(
    rows: Flask, make: Factories
) -> None:
    users.make(make.shop, email="o@x.example", password=PASSWORD, name="Otto")
    done = create(rows, "--owner-email", "O@X.example", "--password-stdin", typed=(PASSWORD,))
    assert (done.exit_code, "is taken" in done.output) == (2, True)
    assert len(everything(Merchant)) == 1


@pytest.mark.parametrize("asked", [True, False])
def test_a_user_gets_a_new_password(rows: Flask, make: Factories, asked: bool) -> None:
    users.make(make.shop, email="o@x.example", password=PASSWORD, name="Otto")
    new = "another one altogether"
    words = () if asked else ("--password-stdin",)
    done = run(rows, "user", "password", "O@x.example", *words, typed=(new, new))
    assert done.exit_code == 0
    assert done.output.splitlines()[-1] == "o@x.example has a new password."
    assert new not in done.output
    assert users.verify("o@x.example", new) is not None
    assert users.verify("o@x.example", PASSWORD) is None


@pytest.mark.parametrize(
    ("email", "typed", "code", "says"),
    [
        ("nobody@x.example", "another one altogether", 1, "nobody signs in with this address"),
        ("nobody", "another one altogether", 1, "nobody signs in with this address"),
        ("o@x.example", "short", 2, "at least 12"),
    ],
)
def test_a_password_that_cannot_be_set_leaves_the_old_one(
    rows: Flask, make: Factories, email: str, typed: str, code: int, says: str
) -> None:
    users.make(make.shop, email="o@x.example", password=PASSWORD, name="Otto")
    done = run(rows, "user", "password", email, "--password-stdin", typed=(typed,))
    assert (done.exit_code, len(done.output.splitlines())) == (code, 1)
    assert says in done.output
    assert users.verify("o@x.example", PASSWORD) is not None


@pytest.mark.parametrize(
    "words", [("merchant",), ("merchant", "create"), ("user",), ("user", "password")]
)
def test_every_command_explains_itself_and_none_takes_a_password_as_a_word(
    rows: Flask, words: tuple[str, ...]
) -> None:
    done = run(rows, *words, "--help")
    assert done.exit_code == 0
    assert "Usage" in done.output
    assert "--password " not in done.output
