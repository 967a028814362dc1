from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

import pytest
from flask import Flask

from tests.domain.side_by_side import raised, side_by_side
from tests.factories import EUR_25, Factories, everything, fresh, observed, paid
from webapp.core import clock
from webapp.core.errors import (
    AccountNotConnectedError,
    InvalidInputError,
    LinkNotPayableError,
    NotFoundError,
    PaymentInFlightError,
    TillgateError,
)
from webapp.core.money import Money
from webapp.core.states import AccountState, AttemptState, LinkState, SessionState
from webapp.domain.payments import attempts, audit, checkouts, links, settlement
from webapp.domain.transaction import TransactionError, lock, transaction
from webapp.models import PaymentAttempt, PaymentLink, PaymentSession
from webapp.providers.base import CheckoutRequest, ProviderState

Prepare = Callable[[Factories], PaymentLink]


def past_its_end(make: Factories) -> PaymentLink:
    link = make.link()
    make.overdue(link, by=timedelta(milliseconds=1))
    return link


def expired(make: Factories) -> PaymentLink:
    link = make.link()
    make.change(link, state=LinkState.EXPIRED, ended_at=clock.now())
    return link


def canceled(make: Factories) -> PaymentLink:
    link = make.link()
    return links.cancel(make.shop, link.code, actor="test")


def being_closed(make: Factories) -> PaymentLink:
    link = make.link()
    make.change(link, closing_for="retry", closing_since=clock.now(), closing_due_at=clock.now())
    return link


def paid_already(make: Factories) -> PaymentLink:
    attempt = make.pending()
    settlement.apply(attempt.reference, paid(attempt), actor="test")
    return attempt.link


def in_review(make: Factories) -> PaymentLink:
    attempt = make.pending()
    settlement.apply(attempt.reference, paid(attempt, money=Money(1, "EUR")), actor="test")
    return attempt.link


def in_flight(make: Factories) -> PaymentLink:
    return make.pending().link


def unanswered(make: Factories) -> PaymentLink:
    return make.created().link


def disconnecting(make: Factories) -> PaymentLink:
    link = make.link()
    make.change(link.provider_account, state=AccountState.DISCONNECTING)
    return link


@pytest.mark.parametrize(
    ("prepare", "refusal"),
    [
        (past_its_end, LinkNotPayableError),
        (expired, LinkNotPayableError),
        (canceled, LinkNotPayableError),
        (being_closed, LinkNotPayableError),
        (paid_already, LinkNotPayableError),
        (in_review, LinkNotPayableError),
        (in_flight, PaymentInFlightError),
        (unanswered, PaymentInFlightError),
        (disconnecting, AccountNotConnectedError),
        (Factories.draft, LinkNotPayableError),
    ],
)
def test_no_payment_begins_where_none_may(
    make: Factories, prepare: Prepare, refusal: type[TillgateError]
) -> None:
    link = prepare(make)
    version = fresh(link).version
    before = len(everything(PaymentAttempt)), len(everything(PaymentSession))

    assert raised(partial(make.created, link)) is refusal

    after = len(everything(PaymentAttempt)), len(everything(PaymentSession))
    assert (after, fresh(link).version) == (before, version)


def test_an_attempt_begins_only_under_the_lock_of_its_link(make: Factories) -> None:
    attempt = make.pending()
    with transaction(), pytest.raises(TransactionError):
        attempts.begin(attempt.link, attempt.session, actor="test")


def test_a_begun_attempt_holds_money_until_somebody_knows_better(make: Factories) -> None:
    link = make.link()
    attempt = make.created(link)

    assert fresh(link).may_hold_money
    assert (attempt.state, attempt.is_current) == (AttemptState.CREATED, True)
    assert (attempt.money, attempt.provider_account_id) == (link.money, link.provider_account_id)
    assert (attempt.session.state, attempt.session.attempt_count) == (SessionState.PROCESSING, 1)
    assert attempt.watch_until == link.expires_at + timedelta(hours=72)
    due = fresh(attempt).next_check_at
    assert due is not None
    assert due >= attempt.created_at + timedelta(seconds=20)


def test_the_next_attempt_takes_the_place_of_one_that_came_to_nothing(make: Factories) -> None:
    link = make.link()
    first = make.pending(link)
    settlement.apply(first.reference, observed(first, ProviderState.FAILED), actor="test")
    assert not fresh(link).may_hold_money

    second = make.pending(link)

    assert fresh(link).may_hold_money
    assert [(one.id, one.is_current) for one in everything(PaymentAttempt)] == [
        (first.id, False),
        (second.id, True),
    ]
    with transaction():
        current = attempts.current(lock(PaymentLink, PaymentLink.id == link.id))
    assert current is not None
    assert current.id == second.id


def asked_for(attempt: PaymentAttempt) -> datetime:
    return CheckoutRequest.from_json(attempt.request).expires_at


def test_a_checkout_ends_with_its_link(make: Factories) -> None:
    attempt = make.created(expires_at=clock.now() + timedelta(hours=5))
    assert asked_for(attempt) == attempt.link.expires_at.replace(microsecond=0)


@pytest.mark.parametrize(
    ("left", "life"),
    [
        # The bank keeps a checkout for a day at most and for ten seconds at least.
        (timedelta(days=30), timedelta(hours=24) - timedelta(minutes=1)),
        (timedelta(seconds=40), timedelta(seconds=10) + timedelta(minutes=1)),
    ],
)
def test_a_checkout_lives_as_long_as_the_provider_lets_it_but_for_a_minute(
    make: Factories, left: timedelta, life: timedelta
) -> None:
    link = make.link()
    make.change(link, expires_at=clock.now() + left)
    attempt = make.created(link)
    asked = asked_for(attempt) - fresh(attempt).created_at
    assert life - timedelta(seconds=1) < asked < life + timedelta(seconds=30)


def test_the_request_is_stored_before_it_is_sent(make: Factories) -> None:
    link = make.link(title="<b>Zwei Karten</b>")
    attempt = make.created(link)
    stored = CheckoutRequest.from_json(attempt.request)
    assert (stored.reference, stored.money, stored.description, stored.merchant_name) == (
        attempt.reference,
        EUR_25,
        "<b>Zwei Karten</b>",
        make.shop.name,
    )
    assert link.code in stored.return_url
    assert attempt.provider_account.hook_token in stored.notice_url


def test_two_threads_that_press_pay_begin_one_payment(make: Factories, app: Flask) -> None:
    link = make.link()

    ends = side_by_side(app, [partial(raised, partial(make.created, link))] * 8)

    assert sorted(ends, key=str) == [PaymentInFlightError] * 7 + [None]
    (attempt,) = everything(PaymentAttempt)
    assert [one.id for one in everything(PaymentSession)] == [attempt.session_id]
    assert audit.run().is_clean


def test_a_second_browser_waits_for_the_first_and_then_has_a_sitting_of_its_own(
    make: Factories,
) -> None:
    link = make.link()
    first = make.pending(link)
    assert raised(partial(make.pending, link)) is PaymentInFlightError
    settlement.apply(first.reference, observed(first, ProviderState.CLOSED), actor="test")
    second = make.pending(link)
    assert second.session_id != first.session_id
    assert fresh(first.session).state is SessionState.INTERRUPTED


def pay(link: PaymentLink, email: str | None = None) -> object:
    return checkouts.start(link.code, token=None, buyer_email=email)


def test_a_draft_and_an_unknown_code_cannot_be_paid(make: Factories) -> None:
    with pytest.raises(NotFoundError):
        pay(make.draft())
    with pytest.raises(NotFoundError):
        checkouts.start("AAAAAAAA", token=None, buyer_email=None)


@pytest.mark.parametrize("email", [None, "", "ada", "ada@example.org\nBcc: eve@example.org"])
def test_whoever_says_no_address_where_one_is_needed_begins_nothing(
    make: Factories, email: str | None
) -> None:
    link = make.link(buyer_email=None)
    with pytest.raises(InvalidInputError) as refusal:
        pay(link, email)
    assert refusal.value.field == "email"
    assert everything(PaymentAttempt) == []
    assert everything(PaymentSession) == []


def test_the_address_is_kept_with_the_sitting_and_reaches_the_link_with_the_money(
    make: Factories,
) -> None:
    link = make.link(buyer_email=None)
    pay(link, " Eve@Example.org ")  # nobody answers there: the attempt stays CREATED
    (attempt,) = everything(PaymentAttempt)
    assert attempt.state is AttemptState.CREATED
    assert attempt.session.buyer_email == "Eve@example.org"
    assert fresh(link).buyer_email is None

    settlement.apply(attempt.reference, paid(attempt), actor="test")

    assert fresh(link).buyer_email == "Eve@example.org"


def test_an_address_that_the_link_has_is_not_asked_for(make: Factories) -> None:
    pay(make.link(buyer_email="ada@example.org"), "eve@example.org")
    (session,) = everything(PaymentSession)
    assert session.buyer_email is None
