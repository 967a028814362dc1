"""Pressing "Pay" by a script: the same rules, and an answer that says where to go."""

import pytest
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from tests.domain.at_bank import AtBank
from tests.factories import Factories
from tests.pages import Pages, soup
from tests.web.sitting import begun, page
from webapp.extensions import db
from webapp.models import PaymentAttempt, PaymentLink

JSON = {"Accept": "application/json"}


def press(pages: Pages, link: PaymentLink, **fields: str) -> TestResponse:
    """Press "Pay" as static/js/pay.js does."""
    token = soup(page(pages, link, "pay")).select_one("input[name=csrf_token]")
    assert token is not None
    return again(pages, link, csrf_token=str(token["value"]), **fields)


def again(pages: Pages, link: PaymentLink, **fields: str) -> TestResponse:
    """Send these fields."""
    return pages.client.post(f"/pay/{link.code}", data=fields, headers=JSON)


def test_a_script_is_told_where_the_buyer_pays(
    at_bank: AtBank, make: Factories, pages: Pages
) -> None:
    link = make.link()
    answer = press(pages, link)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.get_json()["location"].startswith(at_bank.connection.access.base_url)
    assert pages.get(f"/pay/{link.code}/continue").location == answer.get_json()["location"]


def test_a_second_press_leads_to_the_payment_that_is_on_its_way(
    make: Factories, pages: Pages
) -> None:
    link = make.link()
    token = soup(page(pages, link, "pay")).select_one("input[name=csrf_token]")
    assert token is not None
    begun(make, pages, link)
    answer = again(pages, link, csrf_token=str(token["value"]))
    assert answer.get_json() == {"location": f"/pay/{link.code}/processing"}
    assert db.session.scalars(select(func.count()).select_from(PaymentAttempt)).one() == 1


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [({"email": "nobody"}, 422, "invalid_input"), ({"csrf_token": "x"}, 400, "form_expired")],
)
def test_a_refusal_is_a_problem_document(
    make: Factories, pages: Pages, fields: dict[str, str], status: int, code: str
) -> None:
    link = make.link(buyer_email=None)
    answer = (
        again(pages, link, **fields) if "csrf_token" in fields else press(pages, link, **fields)
    )
    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")
    assert answer.get_json()["code"] == code
    assert db.session.scalars(select(func.count()).select_from(PaymentAttempt)).one() == 0


def test_a_link_that_is_not_there_is_a_problem_document_too(pages: Pages) -> None:
    answer = pages.client.post("/pay/ZZZZZZZZ", headers=JSON)
    assert answer.mimetype == "application/problem+json"
