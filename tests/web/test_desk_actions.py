from datetime import timedelta

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.conftest import Configure
from tests.domain.mailing import promised, send_due
from tests.domain.situations import snapshot
from tests.factories import Factories, everything, fresh, observed, paid
from tests.pages import Pages, soup, words
from tests.unit.handover import url_of
from tests.unit.mail_servers import serving
from tests.web.desk import desk_of
from tests.web.desk import send as send_form
from webapp.core import clock
from webapp.core.money import Money
from webapp.core.states import AccountState, CaptureState, EmailState, LinkState
from webapp.domain.budget import Budget
from webapp.domain.payments import accounts, audit, closing_rounds, links, settlement, trails
from webapp.models import Capture, EmailMessage, PaymentAttempt, PaymentLink, Ticket
from webapp.providers.base import ProviderState

CENT = Money(1, "EUR")


@pytest.fixture
def desk(rows: Flask, make: Factories) -> Pages:
    """The shop's owner, signed in."""
    return desk_of(rows, make)


def path(link: PaymentLink, action: str = "") -> str:
    """Return an address of a link at the desk."""
    return f"/desk/links/{link.reference}{f'/{action}' if action else ''}"


def do(desk: Pages, link: PaymentLink, action: str, **fields: str) -> TestResponse:
    """Send the form of an action."""
    return send_form(desk, path(link, action), **fields)


def done(answer: TestResponse, link: PaymentLink) -> None:
    """Expect to be led back to the link's page."""
    assert (answer.status_code, answer.location) == (303, path(link))


def refused(answer: TestResponse, *says: str) -> None:
    """Expect the link's page with the reason on top."""
    assert answer.status_code == 409
    notice = soup(answer).select_one(".notice.error")
    assert notice is not None
    for one in says:
        assert one in notice.get_text()


def actor_of(link: PaymentLink, name: str) -> str:
    """Return who did the thing of this name."""
    return {event.name: event.actor for event in trails.of_link(link)}[name]


def in_review(make: Factories) -> PaymentLink:
    attempt = make.pending()
    settlement.apply(attempt.reference, paid(attempt, money=CENT), actor="test")
    return fresh(attempt.link)


def test_a_draft_is_opened_for_as_long_as_is_said_then(make: Factories, desk: Pages) -> None:
    draft = make.draft(expires_at=clock.now() + timedelta(hours=168))
    chosen = soup(desk.get(path(draft, "open"))).select_one("option[selected]")
    assert chosen is not None
    assert chosen["value"] == "168", "as it was made"
    make.overdue(draft)
    done(do(desk, draft, "open", expires_at="72"), draft)
    assert fresh(draft).state is LinkState.OPEN
    assert abs(draft.expires_at - clock.now() - timedelta(hours=72)) < timedelta(minutes=1)
    assert actor_of(draft, "link_opened").startswith("user:")


@pytest.mark.parametrize("life", ["", "5", "-24", "x" * 10_000])
def test_a_draft_is_not_opened_for_a_time_that_is_not_offered(
    make: Factories, desk: Pages, life: str
) -> None:
    draft = make.draft()
    before = snapshot()
    answer = do(desk, draft, "open", expires_at=life)
    assert answer.status_code == 422
    error = soup(answer).select_one("#expires_at-error")
    assert error is not None
    assert snapshot() == before


def test_a_draft_that_cannot_be_opened_says_why(make: Factories, desk: Pages) -> None:
    event = make.event(capacity=2)
    make.link(event=event)
    full = make.draft(event=event)
    refused(do(desk, full, "open", expires_at="24"), "too few places left")
    assert fresh(full).state is LinkState.DRAFT
    plain = make.draft()
    make.change(accounts.active(make.shop), state=AccountState.DISCONNECTING)
    refused(do(desk, plain, "open", expires_at="24"), "takes no new payments")
    assert fresh(plain).state is LinkState.DRAFT


@pytest.mark.parametrize("make_one", [Factories.draft, Factories.link])
def test_a_link_that_nobody_pays_is_canceled_at_once(
    make: Factories, desk: Pages, make_one: object
) -> None:
    link = make.draft() if make_one is Factories.draft else make.link()
    question = desk.get(path(link, "cancel"))
    assert "Cancel this link?" in words(question)
    assert fresh(link).state is not LinkState.CANCELED, "to ask is not to do"
    done(do(desk, link, "cancel"), link)
    assert fresh(link).state is LinkState.CANCELED
    assert actor_of(link, "link_canceled").startswith("user:")


def test_a_link_with_money_on_its_way_is_being_canceled_until_a_worker_is_done(
    make: Factories, desk: Pages
) -> None:
    attempt = make.pending()
    link = attempt.link
    done(do(desk, link, "cancel"), link)
    assert (fresh(link).state, link.closing_for) == (LinkState.OPEN, "cancel")
    assert "Canceling…" in words(desk.get(path(link)))
    done(do(desk, link, "cancel"), link)  # pressed again: nothing new
    settlement.apply(attempt.reference, observed(attempt, ProviderState.CLOSED), actor="test")
    make.change(attempt, watch_until=clock.now())
    closing_rounds.run_due(Budget.of(seconds=20))
    said = words(desk.get(path(link)))
    assert "Canceled" in said
    assert "Canceling…" not in said


@pytest.mark.parametrize("action", ["open", "cancel", "accept", "dismiss", "send"])
def test_what_does_not_fit_the_state_is_refused_in_words_and_changes_nothing(
    make: Factories, desk: Pages, action: str
) -> None:
    attempt = make.pending(buyer_email=None)
    settlement.apply(attempt.reference, paid(attempt), actor="test")
    link = make.link() if action in {"send", "accept"} else attempt.link
    fields = {"expires_at": "24", "reason": "no", "to": "ada@example.org"}
    before = snapshot()
    refused(do(desk, link, action, **fields), "This was not done")
    assert snapshot() == before


def test_held_money_is_accepted_and_the_tickets_follow(make: Factories, desk: Pages) -> None:
    link = in_review(make)
    question = words(desk.get(path(link, "review")))
    for expected in ("€25.00", "€0.01", "Accept the payment", "Dismiss the payment"):
        assert expected in question
    done(do(desk, link, "accept"), link)
    assert fresh(link).state is LinkState.PAID
    assert (len(everything(Ticket)), len(everything(EmailMessage))) == (2, 1)
    assert actor_of(link, "review_accepted").startswith("user:")
    assert audit.run().is_clean


@pytest.mark.parametrize("action", ["open", "cancel", "accept"])
def test_a_second_press_of_a_button_is_no_mistake_and_does_nothing(
    make: Factories, desk: Pages, action: str
) -> None:
    link = {"open": make.draft, "cancel": make.link, "accept": lambda: in_review(make)}[action]()
    done(do(desk, link, action, expires_at="24"), link)
    before = snapshot()
    done(do(desk, link, action, expires_at="24"), link)
    assert snapshot() == before


def test_what_somebody_else_decided_meanwhile_is_said(make: Factories, desk: Pages) -> None:
    link = in_review(make)
    done(do(desk, link, "dismiss", reason="no"), link)
    refused(do(desk, link, "accept"), "is not in review")


def test_a_draft_for_an_event_that_has_begun_says_so(make: Factories, desk: Pages) -> None:
    event = make.event()
    draft = make.draft(event=event)
    assert "It ends when the event begins, at the latest." in words(desk.get(path(draft, "open")))
    make.change(event, starts_at=clock.now() - timedelta(minutes=1))
    answer = do(desk, draft, "open", expires_at="24")
    assert (answer.status_code, "Event has begun already." in words(answer)) == (422, True)
    assert fresh(draft).state is LinkState.DRAFT


def test_held_money_is_dismissed_with_a_reason_that_is_told(make: Factories, desk: Pages) -> None:
    link = in_review(make)
    done(do(desk, link, "dismiss", reason="the buyer was called"), link)
    assert fresh(link).state is LinkState.CANCELED
    assert [capture.state for capture in everything(Capture)] == [CaptureState.DISMISSED]
    assert "The payment was not accepted: the buyer was called" in words(desk.get(path(link)))


@pytest.mark.parametrize("reason", ["", "  ", "two\nlines", "x" * 10_000])
def test_money_is_not_dismissed_without_a_reason(make: Factories, desk: Pages, reason: str) -> None:
    link = in_review(make)
    before = snapshot()
    answer = do(desk, link, "dismiss", reason=reason)
    assert answer.status_code == 422
    box = soup(answer).select_one("#reason")
    assert box is not None
    assert (box["aria-invalid"], box.get("value", "")) == ("true", reason)
    assert snapshot() == before


def test_a_review_that_must_wait_says_so(make: Factories, desk: Pages) -> None:
    old = make.pending()
    link = old.link
    settlement.apply(old.reference, observed(old, ProviderState.CLOSED), actor="test")
    make.pending(link)
    settlement.apply(old.reference, paid(old, money=CENT), actor="test")
    refused(do(desk, link, "dismiss", reason="no"), "nother payment could be on its way")
    assert fresh(link).state is LinkState.REVIEW


def test_an_email_that_failed_is_sent_to_a_corrected_address(
    make: Factories, desk: Pages, configure: Configure
) -> None:
    message = promised(make)
    with serving({"RCPT": "550 5.1.1 unknown"}) as server:
        configure(mail_url=url_of(server))
        send_due()
    button = soup(desk.get(path(message.link))).select_one(f"#again-{message.reference}")
    assert button is not None
    question = desk.get(str(button["href"]))
    assert "ada@example.org" in words(question)
    assert "550 5.1.1" in words(question)
    hidden = soup(question).select_one("input[name=message]")
    assert hidden is not None
    assert hidden["value"] == message.reference
    answer = do(desk, message.link, "send", message=message.reference, to="ada@example.net")
    done(answer, message.link)
    with serving() as server:
        configure(mail_url=url_of(server))
        assert send_due() == 1
    assert server.taken[0].rcpt_tos == ["ada@example.net"]
    assert fresh(message).state is EmailState.SENT
    assert "The email's address was corrected" in words(desk.get(path(message.link)))


def test_of_an_email_that_was_sent_a_copy_can_be_asked_for_but_not_two_at_once(
    make: Factories, desk: Pages, configure: Configure
) -> None:
    message = promised(make)
    page = soup(desk.get(path(message.link)))
    assert not page.select("[id^=again-]"), "it is on its way"
    with serving() as server:
        configure(mail_url=url_of(server))
        send_due()
        done(do(desk, message.link, "send", message=message.reference), message.link)
        refused(do(desk, message.link, "send", message=message.reference), "on its way already")
        assert not soup(desk.get(path(message.link))).select("[id^=again-]")
        assert send_due() == 1
    assert [one.rcpt_tos for one in server.taken] == [["ada@example.org"]] * 2
    assert len(soup(desk.get(path(message.link))).select("[id^=again-]")) == 2


def test_an_order_without_an_address_gets_one_at_the_desk(make: Factories, desk: Pages) -> None:
    attempt: PaymentAttempt = make.pending(buyer_email=None, ticket_count=0)
    settlement.apply(attempt.reference, paid(attempt), actor="test")
    assert "Say where the email goes" in words(desk.get(path(attempt.link, "send")))
    assert do(desk, attempt.link, "send", to="").status_code == 422
    assert everything(EmailMessage) == []
    done(do(desk, attempt.link, "send", to="ada@example.org"), attempt.link)
    assert [one.to_address for one in everything(EmailMessage)] == ["ada@example.org"]


@pytest.mark.parametrize("to", ["nobody", "a@b@c", "x" * 10_000, "<b>@example.org", "a@ex\0.org"])
def test_an_address_that_cannot_be_is_said_at_its_field(
    make: Factories, desk: Pages, to: str
) -> None:
    message = promised(make)
    make.change(message, state=EmailState.FAILED)
    before = snapshot()
    answer = do(desk, message.link, "send", message=message.reference, to=to)
    assert answer.status_code == 422
    error = soup(answer).select_one("#to-error")
    assert error is not None
    assert snapshot() == before


def test_an_address_is_filled_in_by_nobody_but_who_types_it(make: Factories, desk: Pages) -> None:
    message = promised(make)
    make.change(message, state=EmailState.FAILED)
    asked = {"message": message.reference, "to": "eve@example.org"}
    page = soup(desk.client.get(path(message.link, "send"), query_string=asked))
    box, hidden = page.select_one("#to"), page.select_one("input[name=message]")
    assert box is not None
    assert hidden is not None
    assert (box.get("value", ""), hidden["value"]) == ("", message.reference)


@pytest.mark.parametrize("name", ["msg-nobody", "\0", "x" * 10_000])
def test_an_email_that_is_not_there_cannot_be_sent(make: Factories, desk: Pages, name: str) -> None:
    link = promised(make).link
    other = promised(make)
    for message in (name, other.reference):
        assert do(desk, link, "send", message=message).status_code == 404
        asked = desk.client.get(path(link, "send"), query_string={"message": message})
        assert asked.status_code == 404


def test_an_action_by_the_links_code_does_the_same(make: Factories, desk: Pages) -> None:
    link = make.link()
    answer = send_form(desk, f"/desk/links/{link.code.lower()}/cancel")
    done(answer, link)
    assert links.get(make.shop, link.code).state is LinkState.CANCELED
