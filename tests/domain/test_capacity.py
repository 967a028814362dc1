from functools import partial

from flask import Flask

from tests.domain.side_by_side import raised, side_by_side
from tests.factories import Factories, everything, fresh, paid
from webapp.core.errors import NoRoomError
from webapp.core.states import LinkState
from webapp.domain.budget import Budget
from webapp.domain.payments import audit, expiry, links, settlement
from webapp.models import Event, PaymentLink


def seats() -> int:
    return sum(link.seats_held for link in everything(PaymentLink))


def test_an_open_link_holds_its_places_and_a_draft_none(make: Factories) -> None:
    event = make.event(capacity=5)
    make.draft(event=event, ticket_count=2)
    assert seats() == 0
    make.link(event=event, ticket_count=2)
    assert seats() == 2


def test_a_link_without_an_event_holds_no_places(make: Factories) -> None:
    make.link(ticket_count=20)
    assert seats() == 0


def test_an_event_without_a_number_has_room_for_all(make: Factories) -> None:
    event = make.event(capacity=None)
    for _ in range(3):
        make.link(event=event, ticket_count=20)
    assert seats() == 60


def test_an_event_for_nobody_has_room_for_nobody(make: Factories) -> None:
    draft = make.draft(event=make.event(capacity=0), ticket_count=1)
    assert raised(partial(links.open_, make.shop, draft.code, actor="test")) is NoRoomError


def test_the_last_places_are_sold_and_not_one_more(make: Factories) -> None:
    event = make.event(capacity=5)
    make.link(event=event, ticket_count=3)
    over = make.draft(event=event, ticket_count=3)
    assert raised(partial(links.open_, make.shop, over.code, actor="test")) is NoRoomError
    make.link(event=event, ticket_count=2)
    assert seats() == 5


def test_another_event_takes_nobodys_places(make: Factories) -> None:
    make.link(event=make.event(capacity=2), ticket_count=2)
    make.link(event=make.event(capacity=2), ticket_count=2)
    assert seats() == 4


def test_a_paid_link_keeps_its_places(make: Factories) -> None:
    attempt = make.pending(event=make.event(capacity=2), ticket_count=2)
    settlement.apply(attempt.reference, paid(attempt), actor="test")
    assert fresh(attempt.link).seats_held == 2


def test_an_expired_link_gives_its_places_back(make: Factories) -> None:
    event = make.event(capacity=2)
    link = make.link(event=event, ticket_count=2)
    make.overdue(link)
    expiry.run_due(Budget.of(seconds=20))
    assert fresh(link).seats_held == 0
    make.link(event=event, ticket_count=2)


def test_forty_buyers_at_once_get_the_ten_places_there_are(make: Factories, app: Flask) -> None:
    event = make.event(capacity=10)
    codes = [make.draft(event=event, ticket_count=1).code for _ in range(40)]
    shop = fresh(make.shop)

    ends = side_by_side(
        app, [partial(raised, partial(links.open_, shop, code, actor="test")) for code in codes]
    )

    assert sorted(ends, key=str) == [NoRoomError] * 30 + [None] * 10
    states = [link.state for link in everything(PaymentLink)]
    assert (states.count(LinkState.OPEN), states.count(LinkState.DRAFT)) == (10, 30)
    assert seats() == 10
    assert len(everything(Event)) == 1
    assert audit.run().is_clean
