"""A payment that gets nowhere: what the page says of it, and how the buyer goes on or gives up."""

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func

from tests.conftest import Configure
from tests.domain.at_bank import AtBank
from tests.domain.closings import step
from tests.factories import Factories, everything, fresh, observed, paid
from tests.pages import Pages, soup, words
from tests.web.sitting import asked, begun, fragment, offered, page, press, token_of
from webapp.core.states import LinkState, SessionState
from webapp.domain.desk import sites
from webapp.domain.payments import attempts, settlement, starts
from webapp.domain.transaction import transaction
from webapp.models import PaymentAttempt, PaymentSession
from webapp.providers.base import ProviderState

TIMEOUT = "Payment timeout (attempt 1/3). You can retry or cancel."
DECLINED = "Payment declined (attempt 1/3). Would you like to retry?"


def ago(seconds: float) -> object:
    """Return a moment that has passed, by the database's clock."""
    return func.now() - timedelta(seconds=seconds)


def decline(attempt: PaymentAttempt, *, for_good: bool = False) -> None:
    """Let the provider say that the last try failed."""
    state = ProviderState.FAILED if for_good else ProviderState.ATTEMPT_FAILED
    settlement.apply(attempt.reference, observed(attempt, state), actor="test")


def test_a_start_is_processing_and_then_a_timeout_that_can_be_retried_or_canceled(
    make: Factories, pages: Pages
) -> None:
    attempt = asked(make, pages)
    shown = page(pages, attempt.link)
    assert "Processing payment..." in words(shown)
    assert offered(shown) == []
    make.change(attempt, created_at=ago(31))
    starts.time_out()
    shown = page(pages, attempt.link)
    assert TIMEOUT in words(shown)
    assert offered(shown) == ["Try again (attempt 2/3)", "Cancel"]


def test_a_timeout_is_said_before_any_worker_has_noted_it(make: Factories, pages: Pages) -> None:
    attempt = asked(make, pages)
    make.change(attempt, created_at=ago(31))
    assert TIMEOUT in fragment(pages, attempt.link)


def test_who_came_back_reads_that_it_is_verified_and_that_the_page_may_be_left(
    make: Factories, pages: Pages
) -> None:
    attempt = begun(make, pages)
    pages.get(f"/pay/{attempt.link.code}/processing?returned=1")
    said = fragment(pages, attempt.link)
    assert "Payment request submitted! Waiting for verification..." in said
    assert "This usually takes under 10 seconds." in said
    assert "It is safe to leave this page: we will email you." in said


def test_nothing_is_offered_before_its_time_and_both_ways_on_after_it(
    make: Factories, pages: Pages
) -> None:
    attempt = begun(make, pages)
    assert offered(page(pages, attempt.link)) == []
    make.change(attempt, created_at=ago(31))
    assert offered(page(pages, attempt.link)) == ["Try again (attempt 2/3)", "Cancel"]
    # The clock begins anew when the buyer comes back.
    make.change(attempt, returned_at=func.now())
    assert offered(page(pages, attempt.link)) == []


def test_a_declined_payment_can_be_tried_again_at_once(make: Factories, pages: Pages) -> None:
    attempt = begun(make, pages)
    decline(attempt)
    shown = page(pages, attempt.link)
    assert DECLINED in words(shown)
    assert offered(shown) == ["Try again (attempt 2/3)", "Cancel"]
    assert soup(shown).select_one("#to-bank") is not None


def test_what_is_offered_is_news_to_the_poll(
    make: Factories, pages: Pages, configure: Configure
) -> None:
    configure(start_timeout_s=10)
    attempt = begun(make, pages)
    path = f"/pay/{attempt.link.code}/status?on=processing"
    before = pages.get(path)
    assert 'data-offers="finish"' in before.get_data(as_text=True)
    make.change(attempt, created_at=ago(11))
    after = pages.get(path, If_None_Match=before.headers["ETag"])
    assert after.status_code == 200
    assert 'data-offers="finish retry cancel"' in after.get_data(as_text=True)


def test_trying_again_closes_the_old_payment_first_and_leads_back_to_the_button(
    at_bank: AtBank, make: Factories, pages: Pages
) -> None:
    link = make.link()
    token_of(pages, link)
    assert press(pages, link, "").status_code == 303
    (first,) = everything(PaymentAttempt)
    make.change(first, created_at=ago(31))
    answer = press(pages, link, "retry")
    assert (answer.status_code, answer.location) == (303, f"/pay/{link.code}/processing")
    shown = page(pages, link)
    assert "Checking your last payment first…" in words(shown)
    assert "This takes a few seconds. Please do not pay elsewhere." in words(shown)
    tag = soup(shown).select_one("[data-etag]")["data-etag"]  # type: ignore[index]  # it is there
    make.change(link, closing_since=ago(31))
    shown = page(pages, link)
    assert "This takes longer than usual. Please do not pay elsewhere." in words(shown)
    assert soup(shown).select_one("[data-etag]")["data-etag"] != tag  # type: ignore[index]
    assert offered(shown) == []
    assert soup(shown).select_one("#to-bank") is None
    assert pages.get(f"/pay/{link.code}/continue").location == f"/pay/{link.code}/processing"
    step(make, link)
    assert at_bank.shows_closed(first)
    moved = pages.get(f"/pay/{link.code}/status?on=processing")
    assert moved.headers["HX-Redirect"] == f"/pay/{link.code}"
    assert offered(page(pages, link, "pay")) == ["Try again (attempt 2/3)", "Cancel"]
    assert press(pages, link, "").location.startswith(at_bank.connection.access.base_url)
    assert [attempt.number for attempt in everything(PaymentAttempt)] == [1, 2]


def test_money_that_came_meanwhile_wins_over_trying_again(
    at_bank: AtBank, make: Factories, pages: Pages
) -> None:
    link = make.link()
    token_of(pages, link)
    press(pages, link, "")
    (attempt,) = everything(PaymentAttempt)
    at_bank.press(attempt, "lose")
    make.change(attempt, created_at=ago(31))
    press(pages, link, "retry")
    step(make, link)
    assert pages.get(f"/pay/{link.code}").location == f"/pay/{link.code}/success"


def test_pressing_try_again_too_early_changes_nothing(make: Factories, pages: Pages) -> None:
    attempt = begun(make, pages)
    answer = press(pages, attempt.link, "retry")
    assert (answer.status_code, answer.location) == (303, f"/pay/{attempt.link.code}/processing")
    assert fresh(attempt.link).closing_for is None


def test_the_third_attempt_offers_no_further_one(make: Factories, pages: Pages) -> None:
    link = make.link()
    for _ in range(2):
        decline(begun(make, pages, link), for_good=True)
    last = begun(make, pages, link)
    decline(last)
    shown = page(pages, link)
    assert "Payment declined (attempt 3/3). You can cancel." in words(shown)
    assert offered(shown) == ["Cancel"]


def test_after_three_attempts_the_page_says_when_one_can_start_again(
    make: Factories, pages: Pages, rows: Flask
) -> None:
    link = make.link()
    for number in (1, 2, 3):
        again = [f"Try again (attempt {number}/3)", "Cancel"]
        assert offered(page(pages, link, "pay")) == (["Pay €25.00"] if number == 1 else again)
        decline(begun(make, pages, link), for_good=True)
    shown = page(pages, link, "pay")
    assert words(shown).count("Maximum retry attempts exceeded.") == 1
    (session,) = everything(PaymentSession)
    assert f"You can start again at {session.expires_at:%H:%M}" in words(shown)
    assert offered(shown) == []
    assert soup(shown).select_one("[data-reload-after-s]") is not None
    # Who has not tried is not kept from it, and the status is the same for everyone.
    other = page(Pages(rows), link, "pay")
    assert offered(other) == ["Pay €25.00"]
    assert "Maximum retry attempts exceeded." not in words(other)
    for answer in (shown, other):
        status = soup(answer).select_one("#payment-status")
        assert status is not None
        assert "The last payment did not go through" in status.get_text()
    make.change(session, expires_at=ago(1))
    shown = page(pages, link, "pay")
    assert offered(shown) == ["Pay €25.00"]
    assert "Maximum retry attempts exceeded." not in words(shown)
    assert "The last payment did not go through" in words(shown)


def test_pressing_pay_with_all_attempts_used_says_so(make: Factories, pages: Pages) -> None:
    link = make.link()
    form = soup(page(pages, link, "pay")).select_one("input[name=csrf_token]")
    assert form is not None
    for _ in range(3):
        decline(begun(make, pages, link), for_good=True)
    answer = pages.client.post(f"/pay/{link.code}", data={"csrf_token": str(form["value"])})
    assert answer.status_code == 409
    assert "You can start again at" in words(answer)


def test_a_network_error_is_told_on_the_pay_page(make: Factories, pages: Pages) -> None:
    attempt = asked(make, pages)
    with transaction():
        locked = attempts.lock_with_link(attempt.reference)
        attempts.interrupt(locked, "network", actor="test")
    make.change(attempt, state="FAILED")
    make.change(attempt.link, may_hold_money=False)
    shown = words(page(pages, attempt.link, "pay"))
    assert "Network error detected (attempt 1/3). Would you like to retry?" in shown
    assert "You were not charged for it." in shown


def test_canceling_closes_the_payment_and_leaves_the_link_open(
    at_bank: AtBank, make: Factories, pages: Pages
) -> None:
    link = make.link()
    token_of(pages, link)
    press(pages, link, "")
    (attempt,) = everything(PaymentAttempt)
    answer = press(pages, link, "cancel")
    assert (answer.status_code, answer.location) == (303, f"/pay/{link.code}")
    shown = words(page(pages, link))
    assert "Payment cancelled" in shown
    assert "Checking your last payment first…" in shown
    step(make, link)
    assert at_bank.shows_closed(attempt)
    shown = words(page(pages, link, "pay"))
    assert shown.count("Payment cancelled") == 2  # the status, and a line of the timeline
    assert offered(page(pages, link, "pay")) == ["Pay €25.00"]
    assert fresh(link).state is LinkState.OPEN


def test_nobody_else_can_cancel_a_payment(make: Factories, pages: Pages, rows: Flask) -> None:
    attempt = begun(make, pages)
    make.change(attempt, created_at=ago(31))
    other = Pages(rows)
    assert offered(page(other, attempt.link)) == ["Start again here"]
    assert press(other, attempt.link, "cancel").status_code == 303
    assert fresh(attempt.link).closing_for is None
    assert fresh(attempt.session).state is SessionState.PROCESSING


def test_nothing_in_an_address_makes_a_page_say_that_a_payment_was_canceled(
    make: Factories, pages: Pages
) -> None:
    link = make.link()
    assert "cancelled" not in words(pages.get(f"/pay/{link.code}?canceled=1"))


@pytest.mark.parametrize(
    ("shops", "back", "expected"),
    [
        (["https://shop.example"], "https://shop.example/cart", "https://shop.example/cart"),
        (["https://shop.example"], "https://shop.example.evil.example/", None),
        (["https://shop.example"], "https://evil.example/?https://shop.example", None),
        ([], "https://shop.example/cart", None),
        (["https://shop.example"], None, None),
    ],
)
def test_who_cancels_goes_back_to_the_shop_but_to_no_other_place(
    make: Factories, pages: Pages, shops: list[str], back: str | None, expected: str | None
) -> None:
    make.change(make.shop, sites=shops, return_url=back)
    link = make.link()
    token_of(pages, link)
    answer = press(pages, link, "cancel")
    assert (answer.status_code, answer.location) == (303, expected or f"/pay/{link.code}")


def test_who_cancels_what_is_paid_already_is_told_so(make: Factories, pages: Pages) -> None:
    sites.store(make.shop, ["https://shop.example"], "https://shop.example/cart")
    attempt = begun(make, pages)
    form = soup(page(pages, attempt.link)).select_one("input[name=csrf_token]")
    assert form is not None
    settlement.apply(attempt.reference, paid(attempt), actor="test")
    path = f"/pay/{attempt.link.code}"
    answer = pages.client.post(f"{path}/cancel", data={"csrf_token": str(form["value"])})
    assert (answer.status_code, answer.location) == (303, f"{path}/success")


def test_another_browser_is_told_honestly_and_may_start_again_only_after_a_while(
    make: Factories, pages: Pages, rows: Flask
) -> None:
    attempt = begun(make, pages)
    decline(attempt)  # the buyer's own browser may leave it now
    other = Pages(rows)
    answer = other.get(f"/pay/{attempt.link.code}/continue")
    assert answer.status_code == 409
    assert "started on another device or in another browser" in words(answer)
    assert "Start again here" not in words(answer)
    assert press(other, attempt.link, "retry").status_code == 409
    assert fresh(attempt.link).closing_for is None
    make.change(attempt, created_at=ago(31))
    assert "Start again here" in words(other.get(f"/pay/{attempt.link.code}/continue"))
    assert press(other, attempt.link, "retry").location == f"/pay/{attempt.link.code}/processing"
    assert fresh(attempt.link).closing_for == "retry"


def test_the_number_for_support_is_the_same_before_and_after_the_press(
    make: Factories, pages: Pages, rows: Flask
) -> None:
    link = make.link()
    before = soup(page(pages, link, "pay")).select(".mono")[-1].get_text()
    attempt = begun(make, pages, link)
    assert attempt.session.reference == before
    assert f"Session {before}" in words(page(pages, link))
    assert "Session ses-" not in words(page(Pages(rows), link))


def test_a_browser_that_was_restarted_goes_on_with_its_payment(
    make: Factories, pages: Pages, rows: Flask
) -> None:
    attempt = begun(make, pages)
    cookie = pages.client.get_cookie("sitting", path=f"/pay/{attempt.link.code}")
    assert cookie is not None
    restarted = Pages(rows)
    restarted.client.set_cookie("sitting", cookie.value, path=f"/pay/{attempt.link.code}")
    assert restarted.get(f"/pay/{attempt.link.code}").location.endswith("/processing")
    assert "Continue at the bank" in words(page(restarted, attempt.link))
    going_on = restarted.get(f"/pay/{attempt.link.code}/continue").location
    assert going_on == attempt.checkout_url
    decline(attempt, for_good=True)
    shown = page(restarted, attempt.link, "pay")
    assert DECLINED in words(shown)
    assert offered(shown) == ["Try again (attempt 2/3)", "Cancel"]


def test_an_address_given_once_stands_in_the_form_of_that_browser_and_of_no_other(
    app: Flask, at_bank: AtBank, make: Factories, pages: Pages
) -> None:
    link = make.link(buyer_email=None)
    pages.post(f"/pay/{link.code}", email="ada@example.org")
    (attempt,) = everything(PaymentAttempt)
    decline(attempt, for_good=True)
    field = soup(page(pages, link, "pay")).select_one("#email")
    assert field is not None
    assert field["value"] == "ada@example.org"
    stranger = page(Pages(app), link, "pay")
    assert "ada@example.org" not in stranger.get_data(as_text=True)
    assert "ada@example.org" not in pages.get(f"/pay/{link.code}/status?on=pay").text
