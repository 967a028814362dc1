import io
import re

import pytest
import zxingcpp
from flask import Flask
from PIL import Image
from werkzeug.test import TestResponse

from tests.conftest import Configure
from tests.domain.mailing import promised
from tests.factories import Factories, everything, observed, paid
from tests.pages import Pages, soup, words
from tests.web.desk import desk_of
from tests.web.statements import statements, writing
from tests.web.test_checkout import in_state
from webapp.core.money import Money
from webapp.core.states import EmailState, LinkState
from webapp.domain.payments import links, settlement
from webapp.extensions import settings
from webapp.models import EmailMessage, PaymentLink
from webapp.providers.base import Payment, ProviderState

STATES = ("DRAFT", "OPEN", "in flight", "PAID", "REVIEW", "EXPIRED", "CANCELED", "REFUNDED")
ACTIONS = {
    "DRAFT": {"to-open", "to-cancel"},
    "OPEN": {"to-cancel"},
    "in flight": {"to-cancel"},
    "REVIEW": {"to-review"},
}


@pytest.fixture
def desk(rows: Flask, make: Factories) -> Pages:
    """The shop's owner, signed in."""
    return desk_of(rows, make)


def brought(make: Factories, state: str) -> PaymentLink:
    """Bring a link into a state by what really happens."""
    return make.draft() if state == "DRAFT" else in_state(make, state)


def show(desk: Pages, link: PaymentLink) -> TestResponse:
    """Fetch a link's page, which must be there."""
    answer = desk.get(f"/desk/links/{link.reference}")
    assert answer.status_code == 200
    return answer


def poll(desk: Pages, link: PaymentLink, etag: str | None = None) -> TestResponse:
    """Ask as the script does."""
    headers = {"HX-Request": "true"} | ({"If-None-Match": etag} if etag else {})
    return desk.client.get(f"/desk/links/{link.reference}/panel", headers=headers)


def badge(answer: TestResponse) -> str:
    """Return the state that the page begins with."""
    found = soup(answer).select_one(".badge")
    assert found is not None
    return found.get_text(strip=True)


@pytest.mark.parametrize("state", STATES)
def test_each_state_offers_what_can_be_done_and_nothing_else(
    make: Factories, desk: Pages, state: str
) -> None:
    answer = show(desk, brought(make, state))
    offered = {str(one["id"]) for one in soup(answer).select("main .button[id^=to-]")}
    assert offered == ACTIONS.get(state, set())
    for link in soup(answer).select("main .button[id^=to-]"):
        assert desk.get(str(link["href"])).status_code == 200


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("action", ["open", "cancel", "review", "send"])
def test_a_question_that_does_not_fit_the_state_leads_back_to_the_link(
    make: Factories, desk: Pages, state: str, action: str
) -> None:
    link = brought(make, state)
    answer = desk.get(f"/desk/links/{link.reference}/{action}")
    if f"to-{action}" in ACTIONS.get(state, set()):
        assert answer.status_code == 200
    else:
        assert (answer.status_code, answer.location) == (303, f"/desk/links/{link.reference}")


@pytest.mark.parametrize("state", STATES)
def test_the_page_and_its_poll_show_the_same_fragment_under_the_same_tag(
    make: Factories, desk: Pages, state: str
) -> None:
    link = brought(make, state)
    page = show(desk, link)
    region = soup(page).select_one("[data-poll]")
    assert region is not None
    answer = desk.client.get(str(region["hx-get"]))
    assert answer.get_data(as_text=True).strip() in page.get_data(as_text=True)
    assert region["data-etag"] == answer.headers["ETag"]
    assert region["data-poll-after"] == answer.headers["X-Poll-After"]
    assert not re.search("<(input|select|textarea|form)", answer.get_data(as_text=True))
    for one in soup(answer).select("a, button"):
        assert one.get("id"), "the focus must find its way back after a swap"
    again = poll(desk, link, answer.headers["ETag"])
    assert (again.status_code, again.get_data()) == (304, b"")
    assert again.headers["X-Poll-After"] == answer.headers["X-Poll-After"]
    assert "Set-Cookie" not in again.headers


@pytest.mark.parametrize("state", STATES)
def test_looking_and_polling_change_no_row(make: Factories, desk: Pages, state: str) -> None:
    link = brought(make, state)
    with statements() as seen:
        show(desk, link)
        poll(desk, link)
    assert seen
    assert writing(seen) == []


def test_the_address_is_there_to_be_read_copied_and_scanned(make: Factories, desk: Pages) -> None:
    link = make.link()
    url = f"{settings.base_url}/pay/{link.code}"
    page = soup(show(desk, link))
    assert url in page.get_text()
    button, image = page.select_one("button[data-copy]"), page.select_one(".qr img")
    assert button is not None
    assert image is not None
    assert (button["data-copy"], button.has_attr("hidden")) == (url, True)
    answer = desk.get(str(image["src"]))
    assert answer.mimetype == "image/png"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Content-Disposition" not in answer.headers
    (code,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(answer.get_data())))
    assert code.text == url
    kept = desk.get(f"{image['src']}?download")
    assert kept.headers["Content-Disposition"] == f'attachment; filename="{link.reference}.png"'
    assert kept.get_data() == answer.get_data()


def test_facts_are_told_in_the_merchants_zone_and_the_event_in_its_own(
    make: Factories, desk: Pages
) -> None:
    make.change(make.shop, timezone="Asia/Tokyo")
    link = make.link(event=make.event(), buyer_name="Ada")
    said = words(show(desk, link))
    for expected in ("Ada", "ada@example.org", "Evening", "Hall 1", "JST", "Sandbox", "Test mode"):
        assert expected in said
    assert re.search(r"\d\d:\d\d (CET|CEST)", said)


def test_a_payment_is_followed_from_its_beginning_to_its_tickets(
    make: Factories, desk: Pages
) -> None:
    link = make.link()
    assert badge(show(desk, link)) == "Open"
    attempt = make.pending(link)
    first = poll(desk, link)
    assert badge(first) == "Paying…"
    assert first.headers["X-Poll-After"] == "3"
    settlement.apply(attempt.reference, paid(attempt), actor="test")
    news = poll(desk, link, first.headers["ETag"])
    assert badge(news) == "Paid"
    said = words(news)
    for expected in (attempt.reference, f"pay-{attempt.id}", "Fulfils the order", "Waiting"):
        assert expected in said
    assert "The order is paid" in said
    assert news.headers["X-Poll-After"] == "3", "its email is on its way"
    (message,) = everything(EmailMessage)
    make.change(message, state=EmailState.SENT, tries=1)
    last = poll(desk, link, news.headers["ETag"])
    assert "Sent" in words(last)
    assert last.headers["X-Poll-After"] == f"{settings.poll_idle_s:g}"


def test_a_message_that_moves_without_a_version_is_news(make: Factories, desk: Pages) -> None:
    link = brought(make, "PAID")
    tag = poll(desk, link).headers["ETag"]
    (message,) = everything(EmailMessage)
    make.change(message, tries=2, last_error="the recipient was refused: 550 5.1.1")
    news = poll(desk, link, tag)
    assert news.status_code == 200
    assert "The recipient was refused: 550 5.1.1." in words(news)
    assert "2 tries" in words(news)


def test_a_declined_payment_is_told_with_its_reason(make: Factories, desk: Pages) -> None:
    attempt = make.pending()
    said = observed(attempt, ProviderState.ATTEMPT_FAILED, reason="insufficient funds")
    settlement.apply(attempt.reference, said, actor="test")
    assert "The bank declined the payment: insufficient funds" in words(show(desk, attempt.link))


def test_a_review_says_what_was_expected_and_what_came(make: Factories, desk: Pages) -> None:
    attempt = make.pending()
    taken = [Payment("one", Money(100, "EUR"), None), Payment("two", Money(200, "EUR"), None)]
    settlement.apply(attempt.reference, observed(attempt, ProviderState.PAID, *taken), actor="test")
    answer = show(desk, attempt.link)
    said = words(answer)
    assert badge(answer) == "In review"
    assert "€25.00 was asked for, and €1.00 and €2.00 came in." in said
    assert "Not what was asked for" not in said.partition("What happened")[0], "said once"
    assert "Held" in said


def test_money_that_pays_for_nothing_is_not_to_be_overlooked(make: Factories, desk: Pages) -> None:
    attempt = make.pending()
    settlement.apply(attempt.reference, paid(attempt), actor="test")
    more = Payment("more", attempt.money, None)
    settlement.apply(attempt.reference, observed(attempt, ProviderState.PAID, more), actor="test")
    said = words(show(desk, attempt.link))
    assert "Paid more than once" in said
    assert "came in although this order was paid already." in said
    assert "Surplus" in said


def test_a_link_whose_email_has_no_address_asks_for_one(make: Factories, desk: Pages) -> None:
    attempt = make.pending(buyer_email=None)
    settlement.apply(attempt.reference, paid(attempt), actor="test")
    answer = show(desk, attempt.link)
    assert soup(answer).select_one("#to-address")
    assert "Nobody told us an address" in words(answer)


def test_what_was_refunded_offers_no_email_to_send_again(make: Factories, desk: Pages) -> None:
    message = promised(make)
    make.change(message, state=EmailState.FAILED)
    link = message.link
    assert soup(show(desk, link)).select_one(f"#again-{message.reference}")
    make.change(link, state=LinkState.REFUNDED)
    assert not soup(show(desk, link)).select("[id^=again-]")
    question = desk.get(f"/desk/links/{link.reference}/send?message={message.reference}")
    assert (question.status_code, question.location) == (303, f"/desk/links/{link.reference}")


def test_a_link_past_its_end_is_ending(make: Factories, desk: Pages) -> None:
    link = make.link()
    make.overdue(link)
    answer = show(desk, link)
    assert badge(answer) == "Ending…"
    assert "Past its end" in words(answer)


def test_a_code_leads_to_the_links_own_address(make: Factories, desk: Pages) -> None:
    link = make.link()
    for name in (link.code, link.code.lower(), str(link.public_id)):
        answer = desk.get(f"/desk/links/{name}")
        assert (answer.status_code, answer.location) == (303, f"/desk/links/{link.reference}")


@pytest.mark.parametrize("name", ["ORD-NOBODY", "%00", "x" * 1_000, "%27%20OR%201=1", "a_b", "ä"])
def test_a_name_of_nothing_is_not_there(make: Factories, desk: Pages, name: str) -> None:
    for path in ("", "/panel", "/qr.png", "/open", "/cancel", "/review", "/send"):
        assert desk.get(f"/desk/links/{name}{path}").status_code == 404


def test_the_pace_of_what_is_under_way_is_a_setting(
    make: Factories, desk: Pages, configure: Configure
) -> None:
    link = make.link()
    configure(desk_poll_s=7.5)
    assert poll(desk, link).headers["X-Poll-After"] == "7.5"


def test_without_javascript_a_page_reloads_itself_while_a_payment_is_on_its_way(
    make: Factories, desk: Pages
) -> None:
    link = make.link()
    assert 'http-equiv="refresh"' not in show(desk, link).get_data(as_text=True)
    make.pending(link)
    assert 'http-equiv="refresh"' in show(desk, link).get_data(as_text=True)
    links.cancel(make.shop, link.code, actor="test")
    answer = show(desk, link)
    assert badge(answer) == "Canceling…"
    assert 'http-equiv="refresh"' in answer.get_data(as_text=True)
    assert not soup(answer).select_one("#to-cancel")
