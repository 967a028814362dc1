"""What waits for a person is looked after at the desk: on a page of its own, with a reason."""

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.domain.attending import (
    ENDABLE,
    be_in_review,
    be_paid_twice,
    have_email_end,
    have_refund_unanswered,
    refund_of,
    waiting,
)
from tests.domain.situations import snapshot
from tests.factories import Factories, everything
from tests.pages import Pages, soup, words
from tests.web.desk import desk_of, send
from webapp.core.states import AttentionState, EmailState
from webapp.domain.payments import audit
from webapp.models import AttentionItem, Capture, PaymentAttempt
from webapp.web.dashboard import sentences


@pytest.fixture
def desk(rows: Flask, make: Factories) -> Pages:
    """The shop's owner, signed in."""
    return desk_of(rows, make)


def path(attempt: PaymentAttempt) -> str:
    return f"/desk/links/{attempt.link.reference}"


def offered(desk: Pages, attempt: PaymentAttempt) -> list[str]:
    """Return where the page leads that says something was looked after."""
    page = soup(desk.get(path(attempt)))
    return [str(one["href"]) for one in page.select("main .notice a[id^=end-]")]


def end(desk: Pages, attempt: PaymentAttempt, **fields: str) -> TestResponse:
    """Send the form for what waits there, changed by some fields."""
    form = {"matter": str(waiting()[0].id), "reason": "called the buyer"}
    return send(desk, f"{path(attempt)}/looked-after", **(form | fields))


@pytest.mark.parametrize("kind", ENDABLE)
def test_each_matter_is_ended_by_a_button_that_says_what_it_means(
    make: Factories, desk: Pages, kind: str
) -> None:
    attempt = ENDABLE[kind](make)
    (question,) = offered(desk, attempt)
    before = snapshot()
    page = desk.get(question)
    for said in (sentences.KINDS[kind], sentences.MEANINGS[kind], waiting()[0].sentence):
        assert said in words(page)
    assert snapshot() == before, "to ask is not to do"
    answer = end(desk, attempt)
    assert (answer.status_code, answer.location) == (303, path(attempt))
    (item,) = everything(AttentionItem)
    assert item.state is AttentionState.ENDED
    assert str(item.ended_by).startswith("user:")
    assert offered(desk, attempt) == []
    told = words(desk.get(path(attempt)))
    assert f"Looked after: {sentences.KINDS[kind]}: called the buyer" in told
    assert "Olga Owner" in told


def test_surplus_money_is_told_to_stay_and_can_still_be_sent_back(
    make: Factories, desk: Pages
) -> None:
    attempt = be_paid_twice(make)
    (question,) = offered(desk, attempt)
    assert "The money stays with you. A refund sends it back" in words(desk.get(question))
    end(desk, attempt, reason="donated")
    assert everything(Capture)[-1].state == "DISMISSED"
    page = desk.get(path(attempt))
    assert "Money was set aside: donated" in words(page)
    assert len(soup(page).select("a[id^=back-]")) == 2
    assert audit.run().is_clean


@pytest.mark.parametrize(
    ("reason", "says"),
    [("", "Must not be empty."), (" ", "Must not be empty."), ("x" * 501, "at most 500")],
)
def test_without_a_reason_the_field_says_so(
    make: Factories, desk: Pages, reason: str, says: str
) -> None:
    attempt = be_paid_twice(make)
    before = snapshot()
    answer = end(desk, attempt, reason=reason)
    assert answer.status_code == 422
    assert says in words(answer)
    field = soup(answer).select_one("input[name=reason]")
    assert field is not None
    assert field["aria-invalid"] == "true"
    matter = soup(answer).select_one("input[name=matter]")
    assert matter is not None
    assert matter["value"] == str(waiting()[0].id)
    assert snapshot() == before


def test_pressed_twice_is_no_mistake(make: Factories, desk: Pages) -> None:
    attempt = be_paid_twice(make)
    number = str(waiting()[0].id)
    (question,) = offered(desk, attempt)
    assert end(desk, attempt).status_code == 303
    before = snapshot()
    for reason in ("called the buyer", "something else", ""):
        answer = end_again(desk, attempt, number, reason)
        assert (answer.status_code, answer.location) == (303, path(attempt))
    assert desk.client.get(question).location == path(attempt)
    assert snapshot() == before


def end_again(desk: Pages, attempt: PaymentAttempt, number: str, reason: str) -> TestResponse:
    return send(desk, f"{path(attempt)}/looked-after", matter=number, reason=reason)


def test_what_has_to_wait_offers_no_button_and_is_refused_in_words(
    make: Factories, desk: Pages
) -> None:
    surplus = be_paid_twice(make)
    refund_of(surplus)
    found = {
        be_in_review(make): "Decide about the order first.",
        have_refund_unanswered(make): "Wait for the provider",
        have_email_end(make, EmailState.FAILED): "Do that first.",
        surplus: "Wait for its end.",
    }
    before = snapshot()
    for attempt, says in found.items():
        assert offered(desk, attempt) == []
        (item,) = [one for one in waiting() if one.link_id == attempt.link_id]
        asked = desk.client.get(f"{path(attempt)}/looked-after", query_string={"matter": item.id})
        assert asked.location == path(attempt)
        answer = end(desk, attempt, matter=str(item.id))
        assert answer.status_code == 409
        assert says.lower() in words(answer).lower()
    assert snapshot() == before


@pytest.mark.parametrize("number", ["", "0", "-1", "x", "\0", "9" * 19, "9" * 18, "1.0"])
def test_a_damaged_form_ends_nothing(make: Factories, desk: Pages, number: str) -> None:
    attempt = be_paid_twice(make)
    before = snapshot()
    assert end(desk, attempt, matter=number).status_code == 404
    asked = desk.client.get(f"{path(attempt)}/looked-after", query_string={"matter": number})
    assert asked.status_code == 303
    assert snapshot() == before


def test_another_orders_matter_is_not_there(make: Factories, desk: Pages) -> None:
    theirs = be_paid_twice(Factories())
    number = str(waiting()[0].id)
    attempt, other = be_paid_twice(make), be_paid_twice(make)
    before = snapshot()
    assert end(desk, attempt, matter=number).status_code == 404
    assert end(desk, theirs, matter=number).status_code == 404
    assert end(desk, other, matter=str(waiting()[1].id)).status_code == 404
    assert snapshot() == before
