"""The form of a new link that comes more than once: pressed twice, put right, or filled in anew."""

import pytest
from flask import Flask

from tests.domain.situations import snapshot
from tests.factories import Factories, everything
from tests.pages import Pages, soup, words
from tests.web.desk import desk_of
from tests.web.test_desk_new import NEW, ORDINARY, form_of, new_event, send
from webapp.models import PaymentLink


@pytest.fixture
def desk(rows: Flask, make: Factories) -> Pages:
    """The shop's owner, signed in."""
    return desk_of(rows, make)


def test_a_form_that_is_sent_twice_makes_one_link(desk: Pages) -> None:
    form = form_of(desk) | ORDINARY
    first = desk.client.post(NEW, data=form)
    again = desk.client.post(NEW, data=form)
    assert (again.status_code, again.location) == (303, first.location)
    assert len(everything(PaymentLink)) == 1
    assert send(desk).location != first.location
    assert len(everything(PaymentLink)) == 2


@pytest.mark.parametrize("form_id", ["", "1", "x" * 10_000, "\0" * 43])
def test_a_form_without_a_name_of_ours_is_refused(desk: Pages, form_id: str) -> None:
    answer = send(desk, form_id=form_id)
    assert answer.status_code == 422
    assert "This form is damaged" in words(answer)
    assert everything(PaymentLink) == []


def test_a_mistake_put_right_is_still_the_same_form(desk: Pages) -> None:
    form = form_of(desk) | ORDINARY
    wrong = desk.client.post(NEW, data=form | {"amount": "0"})
    field = soup(wrong).select_one("input[name=form_id]")
    assert field is not None
    assert field["value"] == form["form_id"]
    assert desk.client.post(NEW, data=form).status_code == 303
    assert len(everything(PaymentLink)) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"title": "Another thing"},
        {"amount": "990.00"},
        {"buyer_email": "grace@example.org"},
        {"expires_at": "72"},
        {"do": "draft"},
        new_event(),
    ],
)
def test_a_form_that_comes_again_with_other_content_says_what_it_has_made(
    desk: Pages, changes: dict[str, str]
) -> None:
    form = form_of(desk) | ORDINARY
    first = desk.client.post(NEW, data=form)
    (made,) = everything(PaymentLink)
    before = snapshot()
    answer = desk.client.post(NEW, data=form | changes)
    assert answer.status_code == 409
    assert snapshot() == before
    page = soup(answer)
    notice = page.select_one(".notice.error[role=alert]")
    assert notice is not None
    assert f"This form has already made {made.reference}." in words(answer)
    assert [link["href"] for link in notice.select("a")] == [first.location, NEW]
    typed = page.select_one("#title")
    assert typed is not None
    assert typed["value"] == changes.get("title", form["title"]), "what was typed stays"
    assert send(desk, **changes).status_code == 303, "a new form makes another link"
    assert len(everything(PaymentLink)) == 2
