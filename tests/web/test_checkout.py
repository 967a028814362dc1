from datetime import timedelta

import pytest
from sqlalchemy import func, select

from tests.factories import Factories, fresh, observed, paid
from tests.pages import Pages, soup, words
from webapp.core.money import Money
from webapp.core.states import EmailState, LinkState
from webapp.domain.payments import attempts, links, reviews, settlement
from webapp.domain.transaction import lock, transaction
from webapp.extensions import db
from webapp.models import EmailMessage, PaymentAttempt, PaymentEvent, PaymentLink, PaymentSession
from webapp.providers.base import ProviderState

PAGES = ("", "/processing", "/success", "/expired", "/canceled", "/review")


def begun_here(make: Factories, pages: Pages) -> PaymentAttempt:
    """Return a payment that was begun in this browser."""
    link = make.link()
    pages.get(f"/pay/{link.code}")
    cookie = pages.client.get_cookie("sitting", path=f"/pay/{link.code}")
    assert cookie is not None
    return make.pending(link, token=cookie.value)


def in_state(make: Factories, state: str) -> PaymentLink:
    """Bring a link into a state by what really happens."""
    if state == "in flight":
        return make.pending().link
    link = make.link()
    match state:
        case "PAID" | "REFUNDED":
            attempt = make.pending(link)
            settlement.apply(attempt.reference, paid(attempt), actor="test")
            if state == "REFUNDED":
                make.change(link, state=LinkState.REFUNDED)
        case "REVIEW":
            attempt = make.pending(link)
            wrong = paid(attempt, money=Money(2600, "EUR"))
            settlement.apply(attempt.reference, wrong, actor="test")
        case "EXPIRED":
            make.change(link, state=LinkState.EXPIRED, ended_at=link.expires_at)
        case "CANCELED":
            links.cancel(make.shop, link.code, actor="test")
    return link


@pytest.mark.parametrize(
    ("state", "allowed"),
    [
        ("OPEN", {"", "/expired"}),
        ("in flight", {"/processing"}),
        ("PAID", {"/success"}),
        ("EXPIRED", {"/expired"}),
        ("CANCELED", {"/canceled"}),
        ("REVIEW", {"/review"}),
        ("REFUNDED", {"/canceled"}),
    ],
)
def test_each_state_has_its_page_and_every_other_page_sends_there(
    make: Factories, pages: Pages, state: str, allowed: set[str]
) -> None:
    link = in_state(make, state)
    for page in PAGES:
        answer = pages.get(f"/pay/{link.code}{page}")
        if page in allowed:
            assert answer.status_code == 200
            assert link.title in words(answer)
        else:
            assert answer.status_code == 303
            assert answer.location.removeprefix(f"/pay/{link.code}") in allowed


@pytest.mark.parametrize("page", PAGES)
def test_a_draft_and_an_unknown_code_are_not_there(
    make: Factories, pages: Pages, page: str
) -> None:
    draft = make.draft()
    for code in (draft.code, "ZZZZZZZZ", "short", "AAAAAAA0", "%00%00%00%00%00%00%00%00"):
        answer = pages.get(f"/pay/{code}{page}")
        assert answer.status_code == 404
        assert draft.title not in words(answer)


def test_a_code_typed_in_small_letters_finds_its_page(make: Factories, pages: Pages) -> None:
    link = make.link()
    answer = pages.get(f"/pay/{link.code.lower()}")
    assert (answer.status_code, answer.location) == (303, f"/pay/{link.code}")


def test_what_a_merchant_wrote_is_shown_as_text(make: Factories, pages: Pages) -> None:
    link = make.link(title="<script>alert(1)</script> & <b>Söngs</b>")
    answer = pages.get(f"/pay/{link.code}")
    assert "<script>alert" not in answer.get_data(as_text=True)
    assert "<script>alert(1)</script> & <b>Söngs</b>" in words(answer)


def test_pressing_pay_while_a_payment_is_on_its_way_begins_no_second_one(
    make: Factories, pages: Pages
) -> None:
    link = make.link()
    shown = soup(pages.get(f"/pay/{link.code}"))
    token = shown.select_one("input[name=csrf_token]")
    assert token is not None
    make.pending(link)
    answer = pages.client.post(f"/pay/{link.code}", data={"csrf_token": str(token["value"])})
    assert (answer.status_code, answer.location) == (303, f"/pay/{link.code}/processing")
    assert db.session.scalars(select(func.count()).select_from(PaymentAttempt)).one() == 1


def test_a_post_without_the_forms_token_changes_nothing(make: Factories, pages: Pages) -> None:
    link = make.link()
    answer = pages.client.post(f"/pay/{link.code}", data={"csrf_token": "forged"})
    assert answer.status_code == 400
    assert "form has expired" in words(answer)
    assert db.session.scalars(select(func.count()).select_from(PaymentSession)).one() == 0


@pytest.mark.parametrize("address", ["", "nobody", "a@b", "a b@example.org", "x" * 10_000])
def test_a_link_without_an_address_asks_for_one_and_says_what_is_wrong_with_it(
    make: Factories, pages: Pages, address: str
) -> None:
    link = make.link(buyer_email=None)
    answer = pages.post(f"/pay/{link.code}", email=address)
    assert answer.status_code == 422
    field = soup(answer).select_one("#email")
    assert field is not None
    assert field["aria-invalid"] == "true"
    assert "Your email address" in words(answer)
    assert db.session.scalars(select(func.count()).select_from(PaymentAttempt)).one() == 0
    assert db.session.scalars(select(func.count()).select_from(PaymentSession)).one() == 0


def test_a_link_past_its_end_offers_no_button_and_refuses_the_press(
    make: Factories, pages: Pages
) -> None:
    link = make.link()
    shown = soup(pages.get(f"/pay/{link.code}")).select_one("input[name=csrf_token]")
    assert shown is not None
    make.overdue(link)
    assert soup(pages.get(f"/pay/{link.code}")).select_one("button.primary") is None
    answer = pages.client.post(f"/pay/{link.code}", data={"csrf_token": str(shown["value"])})
    assert answer.status_code == 409
    assert "does not take a payment now" in words(answer)


def test_only_the_buyers_browser_sees_address_and_serials(make: Factories, pages: Pages) -> None:
    link = in_state(make, "PAID")
    answer = pages.get(f"/pay/{link.code}/success")
    assert "ada@example.org" not in answer.get_data(as_text=True)
    assert f"{link.reference}-1" not in answer.get_data(as_text=True)
    assert "The tickets come by email" in words(answer)


def test_coming_back_from_the_provider_is_noted_once_and_pulls_the_next_read_forward(
    make: Factories, pages: Pages
) -> None:
    attempt = begun_here(make, pages)
    make.change(attempt, next_check_at=func.now() + timedelta(hours=1))
    pages.client.head(f"/pay/{attempt.link.code}/processing?returned=1")
    assert fresh(attempt).returned_at is None
    pages.get(f"/pay/{attempt.link.code}/processing?returned=1")
    db.session.refresh(attempt)
    first = attempt.returned_at
    assert first is not None
    assert attempt.next_check_at is not None
    assert attempt.next_check_at <= first
    pages.get(f"/pay/{attempt.link.code}/processing?returned=1")
    db.session.refresh(attempt)
    assert attempt.returned_at == first
    assert attempt.link.state is LinkState.OPEN


def test_a_return_counts_only_in_the_browser_that_went_to_the_bank(
    make: Factories, pages: Pages
) -> None:
    attempt = make.pending()
    pages.get(f"/pay/{attempt.link.code}/processing?returned=1")
    db.session.refresh(attempt)
    assert attempt.returned_at is None


def test_the_buyer_reads_where_the_newest_email_went(make: Factories, pages: Pages) -> None:
    attempt = begun_here(make, pages)
    path = f"/pay/{attempt.link.code}/success"
    settlement.apply(attempt.reference, paid(attempt), actor="test")
    assert "Your tickets go to ada@example.org" in words(pages.get(path))
    message = db.session.scalars(select(EmailMessage)).one()
    make.change(message, state=EmailState.SENT, to_address="corrected@example.org")
    assert "Your tickets go to corrected@example.org" in words(pages.get(path))
    make.change(message, state=EmailState.FAILED)
    shown = words(pages.get(path))
    assert "the email could not be delivered" in shown
    assert "@example.org" not in shown


def test_an_end_that_nobody_could_verify_is_not_called_unpaid(
    make: Factories, pages: Pages
) -> None:
    attempt = make.pending()
    make.change(attempt.link, state=LinkState.EXPIRED, ended_at=attempt.link.expires_at)
    make.change(attempt, watch_until=func.now() - timedelta(seconds=1))
    with transaction():
        link = lock(PaymentLink, PaymentLink.id == attempt.link_id)
        assert attempts.give_up(link, actor="test")
    shown = words(pages.get(f"/pay/{attempt.link.code}/expired"))
    assert "We could not find out whether this was paid" in shown
    assert "do not pay again" in shown
    assert "No payment reached us" not in shown


def test_who_paid_and_was_not_accepted_reads_where_the_money_is(
    make: Factories, pages: Pages
) -> None:
    link = in_state(make, "REVIEW")
    reviews.dismiss(make.shop, link.reference, actor="test", reason="a test card")
    shown = words(pages.get(f"/pay/{link.code}/canceled"))
    assert "The shop did not accept this payment" in shown
    assert "a test card" not in shown


def test_another_device_is_not_sent_to_a_payment_that_was_started_elsewhere(
    make: Factories, pages: Pages
) -> None:
    attempt = make.pending()
    answer = pages.get(f"/pay/{attempt.link.code}/continue")
    assert answer.status_code == 409
    assert "started on another device or in another browser" in words(answer)


def test_a_declined_payment_leads_back_to_the_button(make: Factories, pages: Pages) -> None:
    attempt = make.pending()
    said = observed(attempt, ProviderState.FAILED, reason="declined")
    settlement.apply(attempt.reference, said, actor="test")
    answer = pages.get(f"/pay/{attempt.link.code}")
    assert "Payment declined (attempt 1/3). Would you like to retry?" in words(answer)
    assert soup(answer).select_one("button.primary") is not None


def test_without_javascript_a_waiting_page_reloads_itself_and_a_settled_one_does_not(
    make: Factories, pages: Pages
) -> None:
    waiting = make.pending()
    assert 'http-equiv="refresh"' in pages.get(f"/pay/{waiting.link.code}/processing").get_data(
        as_text=True
    )
    make.change(waiting, created_at=func.now() - timedelta(minutes=16))
    assert 'http-equiv="refresh"' not in pages.get(f"/pay/{waiting.link.code}/processing").get_data(
        as_text=True
    )


def test_looking_at_pages_changes_no_row(make: Factories, pages: Pages) -> None:
    link = in_state(make, "PAID")
    before = db.session.scalars(select(func.count()).select_from(PaymentEvent)).one()
    for page in PAGES:
        pages.get(f"/pay/{link.code}{page}")
    assert db.session.scalars(select(func.count()).select_from(PaymentEvent)).one() == before


def test_a_buyer_whose_answer_was_lost_still_has_the_payment(make: Factories, pages: Pages) -> None:
    link = make.link()
    form = soup(pages.get(f"/pay/{link.code}")).select_one("input[name=csrf_token]")
    cookie = pages.client.get_cookie("sitting", path=f"/pay/{link.code}")
    assert form is not None
    assert cookie is not None
    # The press arrived, its answer did not: all that the browser has is what the page gave it.
    make.pending(link, token=cookie.value)
    again = pages.client.post(f"/pay/{link.code}", data={"csrf_token": str(form["value"])})
    assert again.location == f"/pay/{link.code}/processing"
    assert pages.get(f"/pay/{link.code}/continue").location.startswith("https://bank.example/")


def test_the_page_leaves_a_browser_the_token_that_it_has(make: Factories, pages: Pages) -> None:
    link = make.link()
    assert "sitting=" in str(pages.get(f"/pay/{link.code}").headers.getlist("Set-Cookie"))
    assert "sitting=" not in str(pages.get(f"/pay/{link.code}").headers.getlist("Set-Cookie"))
    pages.client.set_cookie("sitting", "made up", path=f"/pay/{link.code}")
    assert "sitting=" in str(pages.get(f"/pay/{link.code}").headers.getlist("Set-Cookie"))


def test_who_gave_up_learns_nothing_of_who_paid_afterwards(make: Factories, pages: Pages) -> None:
    link = make.link()
    pages.get(f"/pay/{link.code}")
    cookie = pages.client.get_cookie("sitting", path=f"/pay/{link.code}")
    assert cookie is not None
    gave_up = make.pending(link, token=cookie.value)
    said = observed(gave_up, ProviderState.FAILED)
    settlement.apply(gave_up.reference, said, actor="test")
    attempt = make.pending(link)
    settlement.apply(attempt.reference, paid(attempt), actor="test")
    shown = pages.get(f"/pay/{link.code}/success").get_data(as_text=True)
    assert "ada@example.org" not in shown
    assert f"{link.reference}-1" not in shown


def test_pay_can_be_pressed_over_https(make: Factories, pages: Pages) -> None:
    link = make.link()
    secure = {"base_url": "https://pay.example"}
    shown = soup(pages.client.get(f"/pay/{link.code}", **secure))
    token = shown.select_one("input[name=csrf_token]")
    assert token is not None
    form = {"csrf_token": str(token["value"])}
    answer = pages.client.post(f"/pay/{link.code}", data=form, **secure)
    assert answer.status_code == 303
