import time
from contextlib import ExitStack
from functools import partial

import psycopg
import pytest
from argon2 import PasswordHasher
from flask import Flask

from tests.domain.side_by_side import (
    every_turn_taken,
    meanwhile,
    nobody_waits_in_a_transaction,
    raised,
    side_by_side,
)
from tests.factories import Factories, everything, fresh
from tests.sandbox.process import eventually
from tests.web.statements import statements
from webapp.core.errors import BusyError, InvalidInputError, NotFoundError
from webapp.domain.desk import merchants, passwords, users
from webapp.models import Merchant, User

PASSWORD = "correct horse battery"


def user(make: Factories, email: str = "Olga@Example.org", password: str = PASSWORD) -> User:
    return users.make(make.shop, email=email, password=password, name="Olga")


def test_a_user_signs_in_with_the_address_in_either_case_and_the_password_as_it_is(
    make: Factories,
) -> None:
    olga = user(make)
    assert olga.email == "Olga@example.org"
    for address in ("Olga@Example.org", "olga@example.org", " OLGA@EXAMPLE.ORG "):
        found = users.verify(address, PASSWORD)
        assert found is not None
        assert found.id == olga.id


@pytest.mark.parametrize(
    ("address", "password"),
    [
        ("olga@example.org", PASSWORD.upper()),
        ("olga@example.org", f"{PASSWORD} "),
        ("olga@example.org", ""),
        ("olga@example.org", PASSWORD + "x" * 10_000),
        ("nobody@example.org", PASSWORD),
        ("", PASSWORD),
        ("no address", PASSWORD),
        ("olga\0@example.org", PASSWORD),
        ("x" * 10_000, PASSWORD),
    ],
)
def test_nobody_else_is_let_in(make: Factories, address: str, password: str) -> None:
    user(make)
    assert users.verify(address, password) is None


def test_a_password_longer_than_one_can_be_never_fits(make: Factories) -> None:
    longest = "x" * passwords.LONGEST
    user(make, password=longest)
    assert users.verify("olga@example.org", longest) is not None
    assert users.verify("olga@example.org", f"{longest}x") is None


def test_a_user_without_a_password_cannot_sign_in(make: Factories) -> None:
    olga = user(make)
    make.change(olga, password_hash=None)
    assert users.verify("olga@example.org", "") is None
    assert users.verify("olga@example.org", PASSWORD) is None
    assert not users.is_stamped(olga, users.session_stamp(olga))


@pytest.mark.usefixtures("real_passwords")
def test_nothing_that_is_stored_tells_the_password(make: Factories) -> None:
    one, other = user(make), user(make, "otto@example.org")
    assert (one.password_hash or "").startswith("$argon2id$")
    assert PASSWORD not in (one.password_hash or "")
    assert one.password_hash != other.password_hash


@pytest.mark.usefixtures("real_passwords")
def test_an_unknown_address_costs_as_much_work_as_a_wrong_password(make: Factories) -> None:
    user(make)
    # What is compared where there is nobody was made with today's figures.
    assert not passwords.is_outdated(passwords._NOBODYS)

    def seconds(address: str) -> float:
        took = []
        for _ in range(5):
            began = time.process_time()
            users.verify(address, "wrong password")
            took.append(time.process_time() - began)
        return min(took)

    known = seconds("olga@example.org")
    assert seconds("nobody@example.org") > known / 2
    assert seconds("no address") > known / 2


@pytest.mark.usefixtures("real_passwords")
def test_older_figures_are_replaced_at_the_next_sign_in(make: Factories) -> None:
    olga = user(make)
    old = PasswordHasher(time_cost=1, memory_cost=8_192, parallelism=1).hash(PASSWORD)
    make.change(olga, password_hash=old)
    assert users.verify("olga@example.org", "wrong password") is None
    assert fresh(olga).password_hash == old
    assert users.verify("olga@example.org", PASSWORD) is not None
    assert fresh(olga).password_hash != old
    assert not passwords.is_outdated(olga.password_hash or "")
    assert users.verify("olga@example.org", PASSWORD) is not None


def test_a_new_password_ends_what_was_bound_to_the_old_one(make: Factories) -> None:
    olga = user(make)
    stamp = users.session_stamp(olga)
    assert users.is_stamped(olga, stamp)
    users.set_password("OLGA@example.org", "another one altogether")
    assert not users.is_stamped(fresh(olga), stamp)
    assert users.verify("olga@example.org", PASSWORD) is None
    assert users.verify("olga@example.org", "another one altogether") is not None


def test_the_old_password_opens_nothing_once_another_is_set_even_while_it_is_compared(
    make: Factories, app: Flask, other: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "_PATIENCE_S", 30)
    olga = user(make)
    renewed = passwords.hashed("another one altogether")
    with statements() as seen, ExitStack() as turns:
        turns.enter_context(every_turn_taken())
        with meanwhile(app, partial(users.verify, olga.email, PASSWORD)) as outcome:
            # It has read the old one, and waits for its turn to compare.
            eventually(lambda: len([one for one in seen if "user_account" in one]) >= 2)
            eventually(lambda: nobody_waits_in_a_transaction(other))
            other.execute("UPDATE user_account SET password_hash = %s", (renewed,))
            turns.close()
        assert outcome.result() is None


def test_only_so_many_passwords_are_looked_at_at_once(
    make: Factories, monkeypatch: pytest.MonkeyPatch
) -> None:
    olga = user(make)
    monkeypatch.setattr(passwords, "_PATIENCE_S", 0.05)
    with every_turn_taken():
        assert not passwords._TURNS.acquire(blocking=False)
        for act in (
            partial(passwords.hashed, PASSWORD),
            partial(users.verify, olga.email, PASSWORD),
            partial(users.verify, "nobody@example.org", PASSWORD),
        ):
            with pytest.raises(BusyError):
                act()
    for _ in range(passwords._AT_ONCE + 1):
        assert users.verify(olga.email, "wrong password") is None, "each turn was given back"


def test_whoever_signs_out_ends_every_session(make: Factories) -> None:
    olga, otto = user(make), user(make, "otto@example.org")
    stamps = users.session_stamp(olga), users.session_stamp(otto)
    users.end_sessions(olga.id)
    assert not users.is_stamped(fresh(olga), stamps[0])
    assert users.is_stamped(olga, users.session_stamp(olga))
    assert users.is_stamped(fresh(otto), stamps[1])
    with pytest.raises(NotFoundError):
        users.end_sessions(10**9)


@pytest.mark.parametrize(
    ("changes", "field", "says"),
    [
        ({"email": "nobody"}, "email", "must be an address"),
        ({"email": "OLGA@EXAMPLE.ORG"}, "email", "is taken"),
        ({"password": "x" * 11}, "password", "at least 12"),
        ({"password": "x" * 201}, "password", "at most 200"),
        ({"name": " "}, "name", "must not be empty"),
        ({"role": "king"}, "role", "must be one of"),
    ],
)
def test_what_cannot_be_is_refused_and_nobody_is_made(
    make: Factories, changes: dict[str, str], field: str, says: str
) -> None:
    user(make)
    ordinary = {"email": "new@example.org", "password": PASSWORD, "name": "New"}
    with pytest.raises(InvalidInputError) as refusal:
        users.make(make.shop, **(ordinary | changes))
    assert refusal.value.field == field
    assert says in refusal.value.reason
    assert len(everything(User)) == 1


def test_a_password_is_not_changed_to_what_cannot_be_one_nor_for_nobody(make: Factories) -> None:
    olga = user(make)
    before = olga.password_hash
    with pytest.raises(InvalidInputError):
        users.set_password("olga@example.org", "short")
    with pytest.raises(NotFoundError):
        users.set_password("nobody@example.org", "another one altogether")
    assert fresh(olga).password_hash == before


def test_two_who_want_one_address_at_once_are_not_both_made(make: Factories, app: Flask) -> None:
    shop = fresh(make.shop)
    one = partial(
        users.make, shop, email="olga@example.org", password=PASSWORD, name="One", role="owner"
    )
    outcomes = side_by_side(app, [partial(raised, one), partial(raised, one)])
    assert sorted(outcomes, key=str) == [InvalidInputError, None]
    assert len(everything(User)) == 1


def test_a_merchant_whose_owner_cannot_be_made_is_not_made_either(make: Factories) -> None:
    user(make)
    owner = users.draft(email="olga@example.org", password=PASSWORD, name="Olga")
    with pytest.raises(InvalidInputError, match="is taken"):
        merchants.make("another", "Another", support_email=None, owner=owner)
    assert [merchant.slug for merchant in everything(Merchant)] == [make.shop.slug]


@pytest.mark.parametrize("timezone", ["", "Berlin", "../../etc/passwd", "Europe/Berlin\0"])
def test_a_merchant_lives_in_a_time_zone_that_there_is(make: Factories, timezone: str) -> None:
    with pytest.raises(InvalidInputError) as refusal:
        merchants.make("another", "Another", support_email=None, timezone=timezone)
    assert refusal.value.field == "timezone"
    assert everything(Merchant) == []
    made = merchants.make("another", "Another", support_email=None, timezone="Asia/Tokyo")
    assert fresh(made).timezone == "Asia/Tokyo"
    plain = merchants.make("plain", "Plain", support_email=None)
    assert fresh(plain).timezone == "UTC"
