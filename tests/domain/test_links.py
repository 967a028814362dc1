import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.factories import Factories, fresh, paid
from webapp.core import clock
from webapp.core.errors import (
    AccountNotConnectedError,
    InvalidInputError,
    InvalidTransitionError,
    LinkNotPayableError,
    NoRoomError,
    NotFoundError,
)
from webapp.core.money import Money
from webapp.core.states import AccountState, AttemptState, LinkState
from webapp.domain.payments import audit, links, reviews, settlement, trails
from webapp.extensions import queue_redis
from webapp.jobs import JobName
from webapp.models import Merchant, PaymentLink

Operation = Callable[[Merchant, str], object]

OPERATIONS: dict[str, Operation] = {
    "get": links.get,
    "open": lambda merchant, name: links.open_(merchant, name, actor="test"),
    "cancel": lambda merchant, name: links.cancel(merchant, name, actor="test"),
    "accept": lambda merchant, name: reviews.accept(merchant, name, actor="test"),
    "dismiss": lambda merchant, name: reviews.dismiss(merchant, name, reason="no", actor="test"),
}


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS.keys())
def test_a_link_of_another_merchant_is_not_there(make: Factories, operation: Operation) -> None:
    stranger = make.merchant()
    attempt = make.pending()
    review = attempt.link
    settlement.apply(attempt.reference, paid(attempt, money=Money(1, "EUR")), actor="test")
    for link in (make.draft(), make.link(), review):
        before = (fresh(link).state, link.version)
        for name in (link.code, link.reference, str(link.public_id)):
            with pytest.raises(NotFoundError):
                operation(stranger, name)
        assert (fresh(link).state, link.version) == before


def test_a_link_is_known_by_its_code_its_reference_and_its_public_id(make: Factories) -> None:
    link = make.draft()
    make.draft()
    for name in (link.code, link.code.lower(), link.reference, str(link.public_id)):
        assert links.get(make.shop, name).id == link.id
    for name in ("", "AAAAAAAA", "ORD-", str(uuid.uuid4()), "%", "x" * 10_000):
        with pytest.raises(NotFoundError):
            links.get(make.shop, name)


def test_a_buyer_finds_a_link_by_its_code_once_it_is_open(make: Factories) -> None:
    draft, link = make.draft(), make.link()
    assert links.by_code(link.code).id == link.id
    for code in (draft.code, "AAAAAAAA"):
        with pytest.raises(NotFoundError):
            links.by_code(code)


def test_an_opened_link_tells_when_and_by_whom(make: Factories) -> None:
    link = make.link()
    assert link.state is LinkState.OPEN
    assert link.opened_at is not None
    assert [(event.name, event.actor) for event in trails.of_link(link)] == [
        ("link_made", "test"),
        ("link_opened", "test"),
    ]


def test_a_link_opens_once(make: Factories) -> None:
    link = make.link()
    with pytest.raises(InvalidTransitionError):
        links.open_(make.shop, link.code, actor="test")
    assert fresh(link).version == 3


def test_a_link_whose_end_has_passed_does_not_open(make: Factories) -> None:
    draft = make.draft()
    make.overdue(draft)
    with pytest.raises(InvalidInputError, match="expires_at"):
        links.open_(make.shop, draft.code, actor="test")
    assert fresh(draft).state is LinkState.DRAFT


def test_a_link_for_an_event_ends_when_it_begins_at_the_latest(make: Factories) -> None:
    event = make.event()
    long, short = event.starts_at + timedelta(days=9), event.starts_at - timedelta(days=9)
    assert make.draft(event=event, expires_at=long).expires_at == event.starts_at
    draft = make.draft(event=event, expires_at=short)
    assert draft.expires_at == short
    links.open_(make.shop, draft.code, actor="test", expires_at=long)
    assert fresh(draft).expires_at == event.starts_at


def test_a_link_for_an_event_that_has_begun_is_neither_made_nor_opened(make: Factories) -> None:
    event = make.event()
    draft = make.draft(event=event)
    make.change(event, starts_at=clock.now() - timedelta(minutes=1))
    end = clock.now() + timedelta(hours=1)
    acts: list[Callable[[], object]] = [
        lambda: make.draft(event=event),
        lambda: links.open_(make.shop, draft.code, actor="test"),
        lambda: links.open_(make.shop, draft.code, actor="test", expires_at=end),
    ]
    for act in acts:
        with pytest.raises(InvalidInputError) as refusal:
            act()
        assert refusal.value.field == "event"
    assert (fresh(draft).state, draft.seats_held, draft.version) == (LinkState.DRAFT, 0, 2)


def test_a_link_whose_account_takes_no_payments_any_more_does_not_open(make: Factories) -> None:
    draft = make.draft()
    make.change(draft.provider_account, state=AccountState.DISCONNECTING)
    with pytest.raises(AccountNotConnectedError):
        links.open_(make.shop, draft.code, actor="test")
    assert fresh(draft).state is LinkState.DRAFT


def test_a_link_for_which_there_is_no_room_does_not_open(make: Factories) -> None:
    draft = make.draft(event=make.event(capacity=1), ticket_count=2)
    with pytest.raises(NoRoomError):
        links.open_(make.shop, draft.code, actor="test")
    assert (fresh(draft).state, draft.seats_held, draft.version) == (LinkState.DRAFT, 0, 2)


@pytest.mark.parametrize("state", [LinkState.DRAFT, LinkState.OPEN])
def test_a_link_without_money_on_its_way_is_canceled_at_once(
    make: Factories, state: LinkState
) -> None:
    event = make.event(capacity=2)
    link = make.draft(event=event)
    if state is LinkState.OPEN:
        links.open_(make.shop, link.code, actor="test")

    links.cancel(make.shop, link.code, actor="test")

    assert (fresh(link).state, link.seats_held) == (LinkState.CANCELED, 0)
    assert link.ended_at is not None
    assert trails.of_link(link)[-1].name == "link_canceled"
    assert make.link(event=event).seats_held == 2
    assert audit.run().is_clean


def test_a_link_with_money_on_its_way_is_only_marked_and_a_worker_is_asked(
    make: Factories,
) -> None:
    attempt = make.pending(event=make.event(capacity=2))
    link = attempt.link

    links.cancel(make.shop, link.code, actor="merchant:1")

    assert (fresh(link).state, link.closing_for, link.seats_held) == (LinkState.OPEN, "cancel", 2)
    assert fresh(attempt).state is AttemptState.PENDING
    event = trails.of_link(link)[-1]
    assert (event.name, event.actor, event.detail) == (
        "closing_begun",
        "merchant:1",
        {"reason": "cancel"},
    )
    assert queue_redis.exists(f"kick:{JobName.EXPIRY}")


def test_canceling_twice_changes_nothing_more(make: Factories) -> None:
    idle, busy = make.link(), make.pending().link
    for link in (idle, busy):
        links.cancel(make.shop, link.code, actor="test")
        version, since = fresh(link).version, link.closing_since
        links.cancel(make.shop, link.code, actor="test")
        assert (fresh(link).version, link.closing_since) == (version, since)


def test_a_link_that_is_being_closed_keeps_its_reason(make: Factories) -> None:
    link = make.pending().link
    make.change(link, closing_for="expiry", closing_since=clock.now(), closing_due_at=clock.now())
    links.cancel(make.shop, link.code, actor="test")
    assert fresh(link).closing_for == "expiry"


def end_paid(make: Factories) -> PaymentLink:
    attempt = make.pending()
    settlement.apply(attempt.reference, paid(attempt), actor="test")
    return attempt.link


def end_in_review(make: Factories) -> PaymentLink:
    attempt = make.pending()
    settlement.apply(attempt.reference, paid(attempt, money=Money(1, "EUR")), actor="test")
    return attempt.link


def end_expired(make: Factories) -> PaymentLink:
    link = make.link()
    make.change(link, state=LinkState.EXPIRED, ended_at=clock.now() - timedelta(minutes=1))
    return link


@pytest.mark.parametrize("end", [end_paid, end_in_review, end_expired])
def test_a_link_that_has_ended_otherwise_cannot_be_canceled(
    make: Factories, end: Callable[[Factories], PaymentLink]
) -> None:
    link = end(make)
    before = (fresh(link).state, link.version)
    with pytest.raises(LinkNotPayableError):
        links.cancel(make.shop, link.code, actor="test")
    assert (fresh(link).state, link.version) == before
