"""The buyer's timeline: what happened, in one line each, and nothing that is not theirs to know."""

import itertools
from copy import copy
from datetime import datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import update

from tests.factories import Factories, everything, observed, paid
from tests.pages import Pages, soup
from tests.web.sitting import begun, page
from tests.web.test_checkout import in_state
from webapp.core import clock
from webapp.core.states import EmailState, LinkState
from webapp.domain.payments import settlement, sittings, timelines
from webapp.domain.transaction import lock, transaction
from webapp.domain.transitions import record, transition
from webapp.extensions import db
from webapp.models import EmailMessage, PaymentEvent, PaymentLink
from webapp.providers.base import ProviderState


def lines(pages: Pages, link: PaymentLink, name: str) -> list[str]:
    """Return the lines on a page, each without its time."""
    items = soup(page(pages, link, name)).select("#payment-timeline li")
    return [" ".join(item.get_text().split()[:-1]) for item in items]


def deliver(link: PaymentLink) -> None:
    """Let the email be handed over."""
    with transaction():
        lock(PaymentLink, PaymentLink.id == link.id)
        message = lock(EmailMessage, EmailMessage.link_id == link.id)
        transition(message, EmailState.SENDING, actor="test")
        transition(message, EmailState.SENT, actor="test")


def test_a_payment_is_told_from_the_link_to_the_email(make: Factories, pages: Pages) -> None:
    attempt = begun(make, pages)
    said = observed(attempt, ProviderState.ATTEMPT_FAILED, reason="insufficient funds")
    settlement.apply(attempt.reference, said, actor="test")
    settlement.apply(attempt.reference, paid(attempt), actor="test")
    deliver(attempt.link)
    assert lines(pages, attempt.link, "success") == [
        "Link opened",
        "Payment started",
        "Your bank declined it",
        "Paid",
        "Confirmed",
        "Tickets made",
        "Email delivered",
    ]
    everything = soup(page(pages, attempt.link, "success")).select("#payment-timeline")
    assert "insufficient" not in str(everything)


@pytest.mark.parametrize(
    ("paid_s_ago", "told_s_ago"),
    [(240, 240), (-90, 0), (900, 600)],
    ids=["before", "ahead", "behind"],
)
def test_paid_is_when_the_provider_took_it_and_confirmed_when_we_heard_of_it(
    make: Factories, pages: Pages, paid_s_ago: int, told_s_ago: int
) -> None:
    attempt = begun(make, pages)
    now = clock.now()
    ago = {"link_opened": 660, "payment_started": 600}
    said = paid(attempt, paid_at=now - timedelta(seconds=paid_s_ago))
    settlement.apply(attempt.reference, said, actor="test")
    for told in everything(PaymentEvent):
        make.change(told, happened_at=now - timedelta(seconds=ago.get(told.name, 0)))
    steps = {step.key: step.at for step in timelines.of_link(attempt.link_id).steps}
    assert list(steps) == ["opened", "started", "paid", "confirmed", "tickets"]
    assert (now - steps["paid"]).total_seconds() == pytest.approx(told_s_ago, abs=0.01)
    assert steps["confirmed"] == now


def test_what_becomes_of_another_browsers_sitting_is_not_told_after_the_end(
    make: Factories, pages: Pages
) -> None:
    attempt = begun(make, pages)
    _, token = sittings.begin(attempt.link.code, token=None, buyer_email=None)
    settlement.apply(attempt.reference, paid(attempt), actor="test")
    sittings.leave(attempt.link.code, token)
    told = lines(pages, attempt.link, "success")
    assert told == ["Link opened", "Payment started", "Paid", "Confirmed", "Tickets made"]


def test_what_stands_beside_the_status_is_true_however_far_the_email_is(
    app: Flask, make: Factories, pages: Pages
) -> None:
    attempt = begun(make, pages)
    settlement.apply(attempt.reference, paid(attempt), actor="test")

    def beside(browser: Pages) -> str:
        found = copy(soup(page(browser, attempt.link, "success")))
        for moving in found.select("#payment-status, #payment-timeline, form, title"):
            moving.decompose()
        return " ".join(found.get_text().split())

    browsers = (pages, Pages(app))
    before = [beside(browser) for browser in browsers]
    assert "Your tickets go to" in before[0]
    deliver(attempt.link)
    assert [beside(browser) for browser in browsers] == before


def test_a_payment_without_tickets_makes_none(make: Factories, pages: Pages) -> None:
    attempt = begun(make, pages, make.link(ticket_count=0))
    settlement.apply(attempt.reference, paid(attempt), actor="test")
    assert "Tickets made" not in lines(pages, attempt.link, "success")


def test_late_money_that_a_person_has_to_look_at_is_not_called_paid(
    make: Factories, pages: Pages
) -> None:
    make.change(make.shop, accepts_late_payments=False)
    attempt = make.pending()
    end = clock.now() - timedelta(minutes=1)
    make.change(attempt.link, state=LinkState.EXPIRED, ended_at=end, expires_at=end)
    settlement.apply(attempt.reference, paid(attempt), actor="test")
    told = lines(pages, attempt.link, "review")
    assert told[-1] == "Payment received, being checked"
    assert "Paid" not in told


def test_what_repeats_is_told_once_and_a_long_story_from_its_end(
    make: Factories, pages: Pages
) -> None:
    link = make.link()
    with transaction():
        locked = lock(PaymentLink, PaymentLink.id == link.id)
        for name in ["payment_declined"] * 5 + ["payment_started", "payment_declined"] * 9:
            record(locked, name, actor="test")
    told = lines(pages, link, "pay")
    assert len(told) == timelines.MOST
    assert told[-2:] == ["Payment started", "Your bank declined it"]
    assert all(before != after for before, after in itertools.pairwise(told))


def test_what_is_the_shops_own_business_is_not_told(make: Factories, pages: Pages) -> None:
    link = make.link()
    with transaction():
        locked = lock(PaymentLink, PaymentLink.id == link.id)
        for name in ("attention_raised", "closing_begun", "email_doubtful", "refund_requested"):
            record(locked, name, actor="user:7", reason="a secret of the shop")
    assert lines(pages, link, "pay") == ["Link opened"]
    shown = pages.get(f"/pay/{link.code}/status?on=pay").get_data(as_text=True)
    assert "secret" not in shown


def test_times_are_the_events_and_carry_the_day_where_it_took_more_than_one(
    make: Factories, pages: Pages
) -> None:
    attempt = make.pending(event=make.event())  # in Berlin
    opened = datetime.fromisoformat("2026-03-01T22:30:00+00:00")
    for name, later in (("link_opened", 0), ("payment_started", 20)):
        at = opened + timedelta(minutes=later)
        with transaction():
            db.session.execute(
                update(PaymentEvent).where(PaymentEvent.name == name).values(happened_at=at)
            )
    assert times(pages, attempt.link) == ["23:30", "23:50"]
    with transaction():
        db.session.execute(
            update(PaymentEvent)
            .where(PaymentEvent.name == "payment_started")
            .values(happened_at=opened + timedelta(hours=1))
        )
    assert times(pages, attempt.link) == ["1 Mar 23:30", "2 Mar 00:30"]


def times(pages: Pages, link: PaymentLink) -> list[str]:
    """Return what stands beside the lines."""
    return [time.get_text() for time in soup(page(pages, link)).select("#payment-timeline time")]


def test_every_state_tells_the_same_to_everyone_and_in_the_poll(
    make: Factories, pages: Pages
) -> None:
    for state in ("OPEN", "in flight", "PAID", "EXPIRED", "CANCELED", "REVIEW", "REFUNDED"):
        link = in_state(make, state)
        shown = pages.get(f"/pay/{link.code}")
        while shown.status_code == 303:
            shown = pages.get(shown.location)
        polled = pages.get(f"/pay/{link.code}/status?on=pay")
        on_page, in_poll = (
            [item.get_text() for item in soup(answer).select("#payment-timeline li")]
            for answer in (shown, polled)
        )
        assert on_page == in_poll
        assert on_page[0].startswith("Link opened")
        for private in ("ada", link.reference, "example.org", "test"):
            assert private not in str(soup(polled).select("#payment-timeline"))
