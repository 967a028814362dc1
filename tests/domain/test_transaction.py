import psycopg
import pytest
from flask import Flask
from sqlalchemy.exc import IntegrityError
from structlog.testing import capture_logs

from tests.factories import Factories, fresh
from webapp.core.errors import NotFoundError
from webapp.core.states import LinkState
from webapp.domain.transaction import (
    TransactionError,
    adopt,
    lock,
    require_locked,
    step_outside,
    transaction,
)
from webapp.domain.transitions import record, transition
from webapp.extensions import db
from webapp.models import Merchant, PaymentLink


@pytest.fixture
def shop(make: Factories) -> Merchant:
    return make.shop


def rename(merchant: Merchant, name: str) -> None:
    merchant.name = name
    db.session.add(merchant)


def name_of(other: psycopg.Connection, merchant: Merchant) -> str:
    row = other.execute("SELECT name FROM merchant WHERE id = %s", [merchant.id]).fetchone()
    assert row is not None
    return str(row[0])


def test_a_promise_is_kept_after_the_commit(shop: Merchant, other: psycopg.Connection) -> None:
    seen = []
    with transaction() as after_commit:
        rename(shop, "Renamed")
        after_commit(lambda: seen.append(name_of(other, shop)))
        assert seen == []
    assert seen == ["Renamed"]


def test_promises_are_kept_in_their_order_and_with_their_arguments(rows: Flask) -> None:
    kept: list[str] = []
    with transaction() as after_commit:
        after_commit(kept.append, "first")
        after_commit(kept.append, "second")
    assert kept == ["first", "second"]


def test_a_promise_is_forgotten_when_the_block_fails(
    shop: Merchant, other: psycopg.Connection
) -> None:
    kept: list[str] = []

    def fail() -> None:
        with transaction() as after_commit:
            rename(shop, "Renamed")
            after_commit(kept.append, "never")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert kept == []
    assert name_of(other, shop) != "Renamed"


def test_a_promise_is_forgotten_when_the_commit_fails(shop: Merchant) -> None:
    kept: list[str] = []

    def make_a_second_one() -> None:
        with transaction() as after_commit:
            db.session.add(Merchant(slug=shop.slug, name="A second one"))
            after_commit(kept.append, "never")

    with pytest.raises(IntegrityError):
        make_a_second_one()
    assert kept == []


def test_a_promise_that_breaks_hurts_nobody_and_is_logged(
    shop: Merchant, other: psycopg.Connection
) -> None:
    kept: list[str] = []

    def break_it() -> None:
        raise ConnectionError

    with capture_logs() as logs, transaction() as after_commit:
        rename(shop, "Renamed")
        after_commit(break_it)
        after_commit(kept.append, "the next one")

    assert kept == ["the next one"]
    assert name_of(other, shop) == "Renamed"
    assert [(log["event"], log["function"]) for log in logs] == [("promise_broken", "break_it")]


def test_operations_do_not_nest(shop: Merchant, other: psycopg.Connection) -> None:
    def nest() -> None:
        with transaction():
            rename(shop, "Renamed")
            with transaction():
                pass

    with pytest.raises(TransactionError, match="nest"):
        nest()
    assert name_of(other, shop) != "Renamed"
    with transaction():
        rename(shop, "Afterwards")
    assert name_of(other, shop) == "Afterwards"


def test_nobody_steps_outside_inside_a_transaction(rows: Flask) -> None:
    with transaction(), pytest.raises(TransactionError, match="outside"):
        step_outside()


def test_stepping_outside_gives_the_connection_back(shop: Merchant) -> None:
    db.session.refresh(shop)
    assert db.engine.pool.checkedout() == 1  # type: ignore[attr-defined]  # a QueuePool has it
    step_outside()
    assert db.engine.pool.checkedout() == 0  # type: ignore[attr-defined]  # a QueuePool has it


def test_a_lock_shows_the_row_as_it_is_and_not_as_it_was_seen(
    make: Factories, other: psycopg.Connection
) -> None:
    link = make.link()
    with transaction():
        seen = db.session.get_one(PaymentLink, link.id)
        assert seen.title == "Two tickets"
        other.execute("UPDATE payment_link SET title = 'Changed' WHERE id = %s", [link.id])
        assert lock(PaymentLink, PaymentLink.id == link.id).title == "Changed"


def test_a_lock_keeps_everybody_else_out_until_the_commit(
    make: Factories, other: psycopg.Connection
) -> None:
    link = make.link()
    ask = b"SELECT 1 FROM payment_link WHERE id = %s FOR UPDATE NOWAIT"
    with transaction():
        lock(PaymentLink, PaymentLink.id == link.id)
        with pytest.raises(psycopg.errors.LockNotAvailable):
            other.execute(ask, [link.id])
    assert other.execute(ask, [link.id]).fetchone() == (1,)


def test_a_row_that_is_not_there_cannot_be_locked(rows: Flask) -> None:
    with transaction(), pytest.raises(NotFoundError):
        lock(PaymentLink, PaymentLink.id == 0)


def test_a_link_is_not_changed_without_its_lock(make: Factories) -> None:
    link = make.link()

    def expire() -> None:
        with transaction():
            transition(link, LinkState.EXPIRED, actor="test")

    def tell() -> None:
        with transaction():
            record(link, "something_happened", actor="test")

    for change in (expire, tell):
        with pytest.raises(TransactionError, match=f"{link.reference} is changed without"):
            change()
    assert (fresh(link).state, link.version) == (LinkState.OPEN, 3)


def test_the_lock_of_an_earlier_transaction_is_no_lock(make: Factories) -> None:
    link = make.link()
    with transaction():
        lock(PaymentLink, PaymentLink.id == link.id)
    with pytest.raises(TransactionError):
        require_locked(link)
    with transaction(), pytest.raises(TransactionError):
        require_locked(link)


def test_a_link_that_was_just_made_counts_as_locked(make: Factories) -> None:
    model = make.link()
    link = PaymentLink(
        merchant_id=model.merchant_id,
        provider_account_id=model.provider_account_id,
        title="New",
        amount_minor=1,
        currency="EUR",
        expires_at=model.expires_at,
    )
    with transaction():
        adopt(link)
        require_locked(link)
        record(link, "link_made", actor="test")
    assert fresh(link).version == 2
