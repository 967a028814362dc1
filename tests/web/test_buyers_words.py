"""What the buyer's pages say is so for whoever reads it, and can be done where it is offered."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func

from tests.factories import Factories, everything, fresh, observed, paid
from tests.pages import Pages, soup, words
from tests.web.sitting import asked, begun, fragment, offered, page, press
from tests.web.test_checkout import in_state
from webapp.core import session_words
from webapp.core.states import AccountState, AttemptState, EmailState, SessionState
from webapp.domain.payments import settlement, starts
from webapp.extensions import settings
from webapp.models import EmailMessage, PaymentAttempt, PaymentLink
from webapp.providers.base import ProviderState

ELSEWHERE = "This payment was started on another device or in another browser. Please finish it"
AGAIN = "You can retry or cancel."
LATE = "If you have just paid, wait: this page shows it. Please do not pay again."


def ago(seconds: float) -> Any:
    """Return a moment that has passed, by the database's clock."""
    return func.now() - timedelta(seconds=seconds)


def end(attempt: PaymentAttempt, state: ProviderState) -> None:
    """Let the provider say how it stands."""
    settlement.apply(attempt.reference, observed(attempt, state), actor="test")


def shown(pages: Pages, link: PaymentLink) -> str:
    """Return what the link's page says now, whichever it is."""
    answer = pages.get(f"/pay/{link.code}")
    while answer.status_code == 303:
        answer = pages.get(answer.location)
    return words(answer)


@pytest.mark.parametrize(("left_s", "expected_s"), [(60, 60), (0.2, 1), (9000, 900), (-5, 900)])
def test_a_page_asks_until_the_end_and_past_it_as_long_as_any_other(
    make: Factories, pages: Pages, left_s: float, expected_s: int
) -> None:
    attempt = begun(make, pages)
    make.change(attempt.link, expires_at=ago(-left_s))
    region = soup(page(pages, attempt.link)).select_one("[data-poll]")
    assert region is not None
    assert expected_s - 2 <= int(str(region["data-deadline-s"])) <= expected_s
    assert region["data-deadline-s"] != "0"


def test_a_checkout_that_another_service_made_is_waited_for_and_has_no_way_to_the_bank(
    make: Factories, pages: Pages
) -> None:
    attempt = begun(make, pages)
    make.change(attempt, checkout_url=None)
    said = []
    for seconds in (0, 31, 121):
        make.change(attempt, created_at=ago(seconds))
        answer = page(pages, attempt.link)
        said.append(fragment(pages, attempt.link))
        assert "Waiting for your payment" in said[-1]
        assert "Continue at the bank" not in words(answer)
        assert "the bank's page" not in said[-1]
        assert "go on where" not in said[-1]
        assert "Processing payment..." not in said[-1]
    assert len(set(said)) == 3


@pytest.mark.parametrize(
    ("state", "ended"),
    [("EXPIRED", "This link has expired"), ("CANCELED", "This link was canceled")],
)
def test_while_money_may_come_late_nobody_is_sent_for_another_link(
    make: Factories, pages: Pages, state: str, ended: str
) -> None:
    attempt = begun(make, pages)
    name = state.lower()
    make.change(attempt, state=AttemptState.EXPIRED, watch_until=ago(-3600))
    make.change(attempt.link, state=state, ended_at=func.now(), may_hold_money=False)
    before = pages.get(f"/pay/{attempt.link.code}/status?on={name}")
    assert ended in words(before)
    assert LATE in words(before)
    assert "new link" not in words(before)
    # It runs out by time alone: no row of the link tells.
    make.change(attempt, watch_until=ago(1))
    after = pages.get(
        f"/pay/{attempt.link.code}/status?on={name}", If_None_Match=before.headers["ETag"]
    )
    assert after.status_code == 200
    assert ended in words(after)
    assert LATE not in words(after)


def test_a_payment_that_timed_out_can_be_given_up_on_the_pay_page(
    make: Factories, pages: Pages, rows: Flask
) -> None:
    make.change(make.shop, sites=["https://shop.example"], return_url="https://shop.example/cart")
    attempt = asked(make, pages)
    make.change(attempt, created_at=ago(31))
    starts.time_out()
    make.change(attempt, state=AttemptState.FAILED)
    make.change(attempt.link, may_hold_money=False)
    answer = page(pages, attempt.link, "pay")
    assert AGAIN in words(answer)
    assert offered(answer) == ["Try again (attempt 2/3)", "Cancel"]
    assert len(soup(answer).select("form[action$='/cancel']")) == 1
    assert offered(page(Pages(rows), attempt.link, "pay")) == ["Pay €25.00"]
    assert press(pages, attempt.link, "cancel").location == "https://shop.example/cart"
    assert fresh(attempt.session).state is SessionState.CANCELED


def test_past_the_end_nothing_is_said_to_be_possible_that_is_not(
    make: Factories, pages: Pages
) -> None:
    attempt = asked(make, pages)
    make.change(attempt, created_at=ago(31))
    starts.time_out()
    assert AGAIN in fragment(pages, attempt.link)
    make.overdue(attempt.link)
    said = fragment(pages, attempt.link)
    assert "This link has reached its end It cannot be paid any more." in said
    assert "so nothing was charged" in said
    assert AGAIN not in said


def test_a_card_that_was_declined_may_past_the_end_be_replaced_at_the_bank_only(
    make: Factories, pages: Pages
) -> None:
    attempt = begun(make, pages)
    end(attempt, ProviderState.ATTEMPT_FAILED)
    make.overdue(attempt.link)
    said = fragment(pages, attempt.link)
    assert "Your bank declined this payment You can try again at the bank" in said
    assert "Would you like to retry?" not in said


@pytest.mark.parametrize("why", ["timeout", "network", "refused", "declined"])
def test_of_the_last_attempt_nobody_is_asked_whether_to_retry(why: str) -> None:
    def said(count: int, *, can_retry: bool | None = None) -> str:
        return session_words.sentence(
            SessionState.INTERRUPTED,
            interruption=why,
            is_starting=False,
            count=count,
            most=3,
            can_retry=can_retry,
        )

    assert said(3).endswith(" (attempt 3/3). You can cancel.")
    assert said(3).partition(" (")[0] == said(2).partition(" (")[0]
    assert "retry" in said(2)
    assert said(3, can_retry=True) == said(2).replace("2/3", "3/3")


def test_the_last_attempt_that_timed_out_can_be_canceled(make: Factories, pages: Pages) -> None:
    link = make.link()
    for _ in range(2):
        end(begun(make, pages, link), ProviderState.FAILED)
    last = asked(make, pages, link)
    make.change(last, created_at=ago(31))
    answer = page(pages, link)
    assert "Payment timeout (attempt 3/3). You can cancel." in words(answer)
    assert offered(answer) == ["Cancel"]


def test_a_stranger_is_told_where_the_payment_is_finished_and_not_sent_to_the_bank(
    make: Factories, pages: Pages, rows: Flask
) -> None:
    attempt = begun(make, pages)
    mine, theirs = page(pages, attempt.link), page(Pages(rows), attempt.link)
    assert ELSEWHERE not in words(mine)
    assert soup(mine).select_one(".others") is None
    assert soup(theirs).select_one(".others #payment-status #to-bank") is not None
    notice = soup(theirs).select_one("[data-poll-when=finish]:not([hidden])")
    assert notice is not None
    assert ELSEWHERE in " ".join(notice.get_text().split())
    # Being closed, it cannot be finished anywhere.
    make.change(attempt, created_at=ago(31))
    starts.again(attempt.link.code, None)
    theirs = page(Pages(rows), attempt.link)
    assert soup(theirs).select_one("[data-poll-when=finish]:not([hidden])") is None


def begun_at(make: Factories, seconds: float) -> PaymentAttempt:
    """Return a payment whose buyer pressed "Pay" so long ago."""
    attempt = make.pending()
    make.change(attempt, created_at=ago(seconds))
    return attempt


def brought_to(make: Factories, state: str, seconds: float) -> PaymentLink:
    """Bring a link to where something is due, and has been for so many seconds."""
    attempt = begun_at(make, seconds)
    link, now = attempt.link, {"closing_since": ago(seconds), "closing_due_at": func.now()}
    match state:
        case "past its end":
            make.change(link, expires_at=ago(seconds), closing_for="expiry", **now)
        case "being closed":
            make.change(link, closing_for="retry", **now)
        case "PAID":
            settlement.apply(attempt.reference, paid(attempt), actor="test")
            make.change(link, paid_at=ago(seconds))
        case "REVIEW":  # has neither of the moments of an end
            make.change(link, state=state, may_hold_money=False)
        case "EXPIRED" | "CANCELED" | "REFUNDED":
            make.change(attempt, state=AttemptState.EXPIRED, watch_until=ago(-3600))
            paid_at = ago(seconds) if state == "REFUNDED" else None
            ends = {"state": state, "ended_at": ago(seconds), "paid_at": paid_at}
            make.change(link, may_hold_money=False, **ends)
    return link


@pytest.mark.parametrize(
    "state",
    [
        "in flight",
        "past its end",
        "being closed",
        "PAID",
        "REVIEW",
        "EXPIRED",
        "CANCELED",
        "REFUNDED",
    ],
)
def test_without_javascript_a_page_reloads_itself_as_long_as_the_script_would_ask(
    make: Factories, pages: Pages, state: str
) -> None:
    def reloads(link: PaymentLink) -> bool:
        answer = pages.get(pages.get(f"/pay/{link.code}").location)
        return soup(answer).select_one("noscript meta[http-equiv=refresh]") is not None

    limit_s = settings.poll_limit_s
    assert reloads(brought_to(make, state, limit_s - 30))
    assert not reloads(brought_to(make, state, limit_s + 30))


@pytest.mark.parametrize("state", ["EXPIRED", "CANCELED"])
def test_without_javascript_an_end_that_nothing_comes_after_does_not_reload(
    make: Factories, pages: Pages, state: str
) -> None:
    link = in_state(make, state)
    make.change(link, ended_at=func.now())
    assert 'http-equiv="refresh"' not in pages.get(f"/pay/{link.code}/{state.lower()}").text


def test_without_tickets_it_is_a_receipt_that_is_spoken_of(make: Factories, pages: Pages) -> None:
    attempt = begun(make, pages, make.link(ticket_count=0))
    settlement.apply(attempt.reference, paid(attempt), actor="test")
    (message,) = everything(EmailMessage)
    said = []
    for state in (EmailState.QUEUED, EmailState.SENT, EmailState.DOUBTFUL, EmailState.FAILED):
        make.change(message, state=state, repeats=1)
        said.append(fragment(pages, attempt.link, "success"))
    for text, expected in zip(
        said,
        ("on its way", "delivered", "was sent, and may not have arrived", "could not be delivered"),
        strict=True,
    ):
        assert text.startswith("Paid Receipt: ")
        assert expected in text
        assert "ticket" not in text.lower()


def test_an_address_that_is_missing_is_called_missing_whatever_it_is_for(
    make: Factories, pages: Pages
) -> None:
    link = make.link(buyer_email=None, ticket_count=0)
    said = words(pages.post(f"/pay/{link.code}", email=""))
    assert "Your email address is missing." in said
    assert "Your receipt is sent there." in said
    assert "your tickets" not in said.lower()


def test_who_let_the_time_pass_reads_that_it_is_open_and_until_when(
    make: Factories, pages: Pages
) -> None:
    link = make.link()
    answer = page(pages, link, "expired")
    assert "Nothing was paid so far The link is still open. Go to the payment" in words(answer)
    until = soup(answer).select_one("[data-poll-when=pay]:not([hidden]) time")
    assert until is not None
    assert datetime.fromisoformat(str(until["datetime"])) == link.expires_at
    make.overdue(link)
    assert "Open until" not in words(page(pages, link, "expired"))


@pytest.mark.parametrize(
    ("state", "begins_with"),
    [("OPEN", "Pay €25.00"), ("in flight", None), ("PAID", None), ("REVIEW", None)],
)
def test_a_title_follows_the_headline_except_on_the_pay_page(
    make: Factories, pages: Pages, state: str, begins_with: str | None
) -> None:
    link = in_state(make, state)
    answer = pages.get(f"/pay/{link.code}")
    if answer.status_code == 303:
        answer = pages.get(answer.location)
    found = soup(answer)
    region, headline = found.select_one("[data-poll]"), found.select_one("[data-headline]")
    assert region is not None
    assert headline is not None
    assert found.title is not None
    assert region.get("data-title") == (None if begins_with else link.title)
    first = begins_with or headline.get_text()
    assert found.title.get_text() == f"{first} \N{EN DASH} {link.title}"


def test_who_canceled_what_could_not_be_closed_is_not_told_to_finish_it(
    make: Factories, pages: Pages, rows: Flask
) -> None:
    attempt = begun(make, pages)
    make.change(attempt.session, state=SessionState.CANCELED)
    for browser in (pages, Pages(rows)):
        answer = page(browser, attempt.link)
        said = words(answer)
        assert "Payment cancelled We could not close it at the bank: please do not use its" in said
        assert "Finish it" not in said
        assert soup(answer).select_one("#to-bank") is None
        assert soup(answer).select_one("[data-poll-when=finish]:not([hidden])") is None
    assert pages.get(f"/pay/{attempt.link.code}/continue").location.endswith("/processing")
    make.change(attempt, created_at=ago(31))
    assert offered(page(pages, attempt.link)) == ["Try again", "Cancel"]


@pytest.mark.parametrize("has_tried", [False, True])
def test_a_shop_that_takes_no_payments_says_so_before_anybody_presses(
    make: Factories, pages: Pages, has_tried: bool
) -> None:
    link = make.link()
    if has_tried:
        end(begun(make, pages, link), ProviderState.FAILED)
    make.change(link.provider_account, state=AccountState.DISCONNECTING)
    answer = page(pages, link, "pay")
    assert words(answer).count("The shop takes no payments at the moment.") == 1
    assert soup(answer).select_one("form[data-pay]") is None
    assert "Pay €25.00" not in offered(answer)
