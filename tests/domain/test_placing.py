from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask

from tests.domain.side_by_side import side_by_side
from tests.factories import EUR_25, Factories, everything, fresh
from webapp.core import clock, references
from webapp.core.errors import FormUsedError, InvalidInputError, NoRoomError, NotFoundError
from webapp.core.states import LinkState
from webapp.domain.payments import links, placing
from webapp.domain.payments.links import Form, Order
from webapp.domain.tickets import events
from webapp.models import Event, Merchant, PaymentEvent, PaymentLink

ORDER = Order(title="Two tickets", money=EUR_25, ticket_count=2)


def plan(**changes: object) -> events.Plan:
    ordinary = events.Plan(
        title="Evening",
        place="Hall 1",
        starts_at=clock.now() + timedelta(days=30),
        timezone="Europe/Berlin",
        capacity=100,
    )
    return replace(ordinary, **changes)  # type: ignore[arg-type]


def form(name: str | None = None, says: str = "as always") -> Form:
    return Form(name or references.token(), says)


def place(merchant: Merchant, order: Order = ORDER, **options: object) -> PaymentLink:
    ordinary = {"form": form(), "actor": "user:1"}
    return placing.place(merchant, order, **(ordinary | options))  # type: ignore[arg-type]


def test_a_link_its_event_and_its_opening_are_made_in_one_go(make: Factories) -> None:
    link = place(make.shop, plan=plan())
    assert (fresh(link).state, link.seats_held) == (LinkState.OPEN, 2)
    assert link.event is not None
    assert (link.event.title, link.event.merchant_id) == ("Evening", make.shop.id)
    assert [event.name for event in everything(PaymentEvent)] == ["link_made", "link_opened"]
    assert {event.actor for event in everything(PaymentEvent)} == {"user:1"}


def test_a_draft_stays_a_draft(make: Factories) -> None:
    link = place(make.shop, opens=False)
    assert (fresh(link).state, link.seats_held) == (LinkState.DRAFT, 0)


def test_a_form_that_comes_twice_makes_one_link_and_one_event(make: Factories) -> None:
    sent = form()
    first = place(make.shop, plan=plan(), form=sent)
    again = place(make.shop, plan=plan(), form=sent)
    assert again.reference == first.reference
    assert (len(everything(PaymentLink)), len(everything(Event))) == (1, 1)


def test_a_form_that_comes_again_with_other_content_is_not_dropped_silently(
    make: Factories,
) -> None:
    sent = form()
    first = place(make.shop, form=sent)
    with pytest.raises(FormUsedError) as refusal:
        place(make.shop, replace(ORDER, title="Other"), plan=plan(), form=form(sent.id, "other"))
    assert refusal.value.made == first.reference
    assert [link.title for link in everything(PaymentLink)] == ["Two tickets"]
    assert everything(Event) == []


def test_two_presses_at_once_make_one_link(make: Factories, app: Flask) -> None:
    shop, sent = fresh(make.shop), form()

    def press() -> str:
        return place(shop, plan=plan(), form=sent).reference

    assert len(set(side_by_side(app, [press] * 4))) == 1
    assert (len(everything(PaymentLink)), len(everything(Event))) == (1, 1)


def test_the_form_of_one_merchant_never_leads_to_the_link_of_another(make: Factories) -> None:
    sent = form()
    other = make.merchant()
    mine = place(make.shop, form=sent)
    theirs = place(other, form=sent)
    assert mine.reference != theirs.reference
    assert (fresh(mine).merchant_id, fresh(theirs).merchant_id) == (make.shop.id, other.id)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"title": " "}, "event_title"),
        ({"place": "x" * 201}, "event_place"),
        ({"starts_at": clock.now() - timedelta(hours=1)}, "event_starts_at"),
        ({"starts_at": clock.now() + timedelta(days=4_000)}, "event_starts_at"),
        ({"timezone": "Mars/Olympus"}, "event_timezone"),
        ({"capacity": -1}, "event_capacity"),
        ({"capacity": 10**30}, "event_capacity"),
    ],
)
def test_an_event_that_cannot_be_leaves_no_link_behind(
    make: Factories, changes: dict[str, object], field: str
) -> None:
    with pytest.raises(InvalidInputError) as refusal:
        place(make.shop, plan=plan(**changes))
    assert refusal.value.field == field
    assert everything(Event) == []
    assert everything(PaymentLink) == []


def test_a_link_that_cannot_be_leaves_no_event_behind(make: Factories) -> None:
    with pytest.raises(InvalidInputError) as refusal:
        place(make.shop, replace(ORDER, title=""), plan=plan())
    assert refusal.value.field == "title"
    with pytest.raises(NoRoomError):
        place(make.shop, plan=plan(capacity=1))
    assert everything(Event) == []
    assert everything(PaymentLink) == []


def test_an_event_of_another_merchant_is_not_there(make: Factories) -> None:
    event = make.event()
    other = make.merchant()
    with pytest.raises(NotFoundError):
        place(other, replace(ORDER, event=event))
    assert everything(PaymentLink) == []


def test_only_events_to_come_are_offered_and_only_ones_own(make: Factories) -> None:
    soon, later, past = make.event(), make.event(), make.event()
    make.change(soon, starts_at=clock.now() + timedelta(hours=1))
    make.change(past, starts_at=clock.now() - timedelta(hours=1))
    Factories().event()
    assert [event.id for event in events.upcoming(make.shop)] == [soon.id, later.id]


def test_a_draft_whose_time_is_over_is_opened_with_a_new_end(make: Factories) -> None:
    draft = make.draft()
    make.overdue(draft)
    with pytest.raises(InvalidInputError):
        links.open_(make.shop, draft.reference, actor="test")
    end = clock.now() + timedelta(hours=3)
    links.open_(make.shop, draft.reference, actor="test", expires_at=end)
    assert (fresh(draft).state, draft.expires_at) == (LinkState.OPEN, end)


@pytest.mark.parametrize("days", [-1, 400])
def test_a_new_end_is_checked_like_the_first(make: Factories, days: int) -> None:
    draft = make.draft()
    end = draft.expires_at
    with pytest.raises(InvalidInputError) as refusal:
        links.open_(
            make.shop, draft.code, actor="test", expires_at=clock.now() + timedelta(days=days)
        )
    assert refusal.value.field == "expires_at"
    assert (fresh(draft).state, draft.expires_at) == (LinkState.DRAFT, end)
