"""Law 10 and the form's token, on every route that there is or will be."""

from collections.abc import Callable, Mapping

import pytest
from flask import Flask

from tests.domain.mailing import promised
from tests.domain.situations import snapshot
from tests.factories import Factories, everything, fresh, observed, paid
from tests.pages import Pages
from tests.web.desk import desk_of, token_of
from webapp.core import references
from webapp.core.money import Money
from webapp.core.states import EmailState
from webapp.domain.payments import settlement
from webapp.models import AttentionItem, PaymentAttempt, PaymentLink
from webapp.providers.base import Payment, ProviderState

# Enough for whatever form: what is refused is refused because of whose it is.
FIELDS: Mapping[str, str] = {
    "expires_at": "24",
    "reason": "no",
    "to": "eve@example.org",
    "do": "open",
}

Situation = tuple[PaymentLink, Mapping[str, str]]


def _in_review(make: Factories) -> Situation:
    attempt = make.pending()
    settlement.apply(attempt.reference, paid(attempt, money=Money(1, "EUR")), actor="test")
    return fresh(attempt.link), FIELDS


def _without_address(make: Factories) -> Situation:
    attempt = make.pending(buyer_email=None)
    settlement.apply(attempt.reference, paid(attempt), actor="test")
    return fresh(attempt.link), FIELDS


def _with_email(make: Factories) -> Situation:
    message = promised(make)
    make.change(message, state=EmailState.FAILED)
    return message.link, {**FIELDS, "message": message.reference}


def _paid(make: Factories) -> Situation:
    attempt = make.pending()
    settlement.apply(attempt.reference, paid(attempt), actor="test")
    form = {"refund": references.refund_reference(), "amount": "5", "payment": f"pay-{attempt.id}"}
    return fresh(attempt.link), {**FIELDS, **form}


def _paid_twice(make: Factories) -> Situation:
    link, fields = _paid(make)
    (attempt,) = everything(PaymentAttempt)
    said = observed(attempt, ProviderState.PAID, Payment("second", attempt.money, None))
    settlement.apply(attempt.reference, said, actor="test")
    (item,) = everything(AttentionItem)
    return link, {**fields, "matter": str(item.id)}


SITUATIONS: Mapping[str, Callable[[Factories], Situation]] = {
    "draft": lambda make: (make.draft(), FIELDS),
    "open": lambda make: (make.link(), FIELDS),
    "in flight": lambda make: (make.pending().link, FIELDS),
    "in review": _in_review,
    "paid": _paid,
    "paid twice": _paid_twice,
    "paid, without an address": _without_address,
    "paid, with an email": _with_email,
}


def routes(app: Flask, method: str, *, part: str = "") -> list[str]:
    """Return the desk's routes of a method that contain a part."""
    return sorted(
        rule.rule
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/desk") and part in rule.rule and method in (rule.methods or set())
    )


@pytest.mark.parametrize("situation", SITUATIONS)
def test_another_merchants_link_is_not_there_on_any_route(
    make: Factories, rows: Flask, situation: str
) -> None:
    link, fields = SITUATIONS[situation](make)
    stranger = desk_of(rows, make, make.merchant())
    token = token_of(stranger)
    before = snapshot()
    gets = routes(rows, "GET", part="<reference>")
    posts = routes(rows, "POST", part="<reference>")
    assert (len(gets), len(posts)) == (10, 9)
    for name in (link.reference, link.code, str(link.public_id)):
        for rule in gets:
            path = rule.replace("<reference>", name)
            answer = stranger.client.get(path, query_string=fields)
            assert answer.status_code == 404, path
            assert link.title not in answer.get_data(as_text=True)
        for rule in posts:
            path = rule.replace("<reference>", name)
            answer = stranger.client.post(path, data={**fields, "csrf_token": token})
            assert answer.status_code == 404, path
    assert snapshot() == before


@pytest.mark.parametrize("situation", SITUATIONS)
def test_the_owner_would_have_been_let_in(make: Factories, rows: Flask, situation: str) -> None:
    link, _ = SITUATIONS[situation](make)
    owner = desk_of(rows, make)
    for rule in routes(rows, "GET", part="<reference>"):
        answer = owner.get(rule.replace("<reference>", link.reference))
        assert answer.status_code in {200, 303}


@pytest.mark.parametrize("token", [{}, {"csrf_token": ""}, {"csrf_token": "forged"}])
@pytest.mark.parametrize("situation", SITUATIONS)
def test_no_form_without_its_token_changes_anything(
    make: Factories, rows: Flask, situation: str, token: dict[str, str]
) -> None:
    link, fields = SITUATIONS[situation](make)
    owner = desk_of(rows, make)
    before = snapshot()
    posts = routes(rows, "POST")
    assert len(posts) == 23
    for rule in posts:
        path = rule.replace("<reference>", link.reference)
        answer = owner.client.post(path, data={**fields, **token})
        assert answer.status_code == 400, path
    assert snapshot() == before
    assert owner.get("/desk/links").status_code == 200, "still signed in"


def test_the_token_of_another_session_is_none(make: Factories, rows: Flask) -> None:
    link = make.link()
    owner = desk_of(rows, make)
    foreign = token_of(desk_of(rows, make, make.merchant()))
    before = snapshot()
    answer = owner.client.post(f"/desk/links/{link.reference}/cancel", data={"csrf_token": foreign})
    assert answer.status_code == 400
    assert snapshot() == before


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_no_answer_of_the_desk_is_kept(make: Factories, rows: Flask, method: str) -> None:
    link = make.link()
    owner = desk_of(rows, make)
    stranger = Pages(rows)
    for pages in (owner, stranger):
        for rule in routes(rows, method):
            for name in (link.reference, "ORD-NOBODY"):
                path = rule.replace("<reference>", name)
                answer = pages.client.open(path, method=method)
                assert answer.headers["Cache-Control"] == "no-store", (path, answer.status_code)
