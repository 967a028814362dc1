"""`GET /api/payment-links/{id}/status` and `POST …/refresh`."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.api.programs import Program, data
from tests.conftest import Configure
from tests.domain.at_bank import AtBank
from tests.factories import EUR_25, Factories, fresh, observed, paid
from tests.house.test_bad_input import books
from webapp.core import clock
from webapp.core.money import Money
from webapp.core.states import LINK_EDGES
from webapp.domain.budget import Budget
from webapp.domain.payments import closing, expiry, links, public_status, reviews, settlement
from webapp.domain.payments.public_status import OF_LINK, OF_PAYMENTS, PublicEvent
from webapp.domain.transaction import lock, transaction
from webapp.extensions import queue_redis
from webapp.models import PaymentLink
from webapp.providers.base import ProviderState

SHOP = "https://shop.example"


def status(link: PaymentLink) -> str:
    return f"/api/payment-links/{link.public_id}/status"


def refresh(link: PaymentLink) -> str:
    return f"/api/payment-links/{link.public_id}/refresh"


def test_an_open_link_is_told_in_exactly_these_words(make: Factories, client: FlaskClient) -> None:
    link = make.link()
    for name in (str(link.public_id), link.code, link.code.lower(), str(link.public_id).upper()):
        answer = client.get(f"/api/payment-links/{name}/status")
        assert answer.status_code == 200
        said = data(answer)
        for moment in ("lastEventTimestamp", "updatedAt"):
            assert clock.parse(said.pop(moment)) <= clock.now()
        assert said == {
            "id": str(link.public_id),
            "shortCode": link.code,
            "currentStatus": "OPEN",
            "statusMessage": "Awaiting payment",
            "lastEventType": "OPENED",
            "paymentMethod": None,
            "transactionInfo": None,
            "expiresAt": clock.iso(link.expires_at),
            "isExpired": False,
        }


def test_a_paid_link_names_the_payment(
    at_bank: AtBank, make: Factories, client: FlaskClient
) -> None:
    attempt = at_bank.start()
    assert data(client.get(status(attempt.link)))["paymentMethod"] == "sandbox"
    at_bank.press(attempt, "pay")
    settlement.apply(attempt.reference, at_bank.read(attempt), actor="test")
    said = data(client.get(status(attempt.link)))
    (payment,) = at_bank.read(attempt).payments
    assert (said["currentStatus"], said["lastEventType"]) == ("PAID", "PAID")
    assert said["transactionInfo"] == {
        "transactionId": payment.reference,
        "provider": "sandbox",
        "amount": "25.00",
        "currency": "EUR",
    }


def _link(make: Factories) -> PaymentLink:
    return make.link()


def _started(make: Factories) -> PaymentLink:
    return make.pending().link


def _failed(make: Factories) -> PaymentLink:
    attempt = make.pending()
    said = observed(attempt, ProviderState.FAILED)
    settlement.apply(attempt.reference, said, actor="test")
    return attempt.link


def _paid(make: Factories) -> PaymentLink:
    attempt = make.pending()
    settlement.apply(attempt.reference, paid(attempt), actor="test")
    return attempt.link


def _in_review(make: Factories) -> PaymentLink:
    attempt = make.pending()
    settlement.apply(attempt.reference, paid(attempt, money=Money(1, "EUR")), actor="test")
    return attempt.link


def _accepted(make: Factories) -> PaymentLink:
    link = _in_review(make)
    reviews.accept(make.shop, link.reference, actor="test")
    return link


def _dismissed(make: Factories) -> PaymentLink:
    link = _in_review(make)
    reviews.dismiss(make.shop, link.reference, reason="no", actor="test")
    return link


def _expired(make: Factories) -> PaymentLink:
    link = make.link()
    make.overdue(link)
    expiry.run_due(Budget.of(seconds=30, rows=10))
    return link


def _canceled(make: Factories) -> PaymentLink:
    return links.cancel(make.shop, make.link().reference, actor="test")


SITUATIONS: dict[str, tuple[Callable[[Factories], PaymentLink], str, str, str]] = {
    "opened": (_link, "OPEN", "OPENED", "15"),
    "being paid": (_started, "OPEN", "PAYMENT_STARTED", "3"),
    "payment failed": (_failed, "OPEN", "PAYMENT_FAILED", "15"),
    "paid": (_paid, "PAID", "PAID", "stop"),
    "in review": (_in_review, "REVIEW", "REVIEW", "30"),
    "accepted": (_accepted, "PAID", "PAID", "stop"),
    "not accepted": (_dismissed, "CANCELED", "CANCELED", "stop"),
    "expired": (_expired, "EXPIRED", "EXPIRED", "stop"),
    "canceled": (_canceled, "CANCELED", "CANCELED", "stop"),
}


@pytest.mark.parametrize("situation", SITUATIONS)
def test_every_situation_has_its_words_and_its_pace(
    make: Factories, client: FlaskClient, situation: str
) -> None:
    build, word, event, after = SITUATIONS[situation]
    answer = client.get(status(build(make)))
    said = data(answer)
    assert (said["currentStatus"], said["lastEventType"]) == (word, event)
    assert said["isExpired"] is (word == "EXPIRED")
    assert answer.headers["X-Poll-After"] == after


def test_a_link_that_is_being_closed_is_asked_about_often(
    make: Factories, client: FlaskClient
) -> None:
    link = make.link()
    with transaction():
        closing.mark(lock(PaymentLink, PaymentLink.id == link.id), closing.RETRY, actor="test")
    assert client.get(status(link)).headers["X-Poll-After"] == "3"


def test_a_second_payments_end_is_no_news_of_a_paid_link(
    make: Factories, client: FlaskClient
) -> None:
    first = make.pending()
    settlement.apply(first.reference, observed(first, ProviderState.CLOSED), actor="test")
    second = make.pending(first.link)
    settlement.apply(first.reference, paid(first), actor="test")
    settlement.apply(second.reference, observed(second, ProviderState.FAILED), actor="test")
    assert data(client.get(status(first.link)))["lastEventType"] == "PAID"


def test_every_step_of_a_link_has_a_word_and_every_word_a_step() -> None:
    assert {edge.name for edge in LINK_EDGES.values()} <= set(OF_LINK)
    assert {*OF_LINK.values(), *OF_PAYMENTS.values()} == set(PublicEvent)
    assert not set(OF_LINK) & set(OF_PAYMENTS)


def test_a_draft_is_there_for_its_merchants_key_alone(make: Factories, rows: Flask) -> None:
    link = make.draft()
    assert rows.test_client().get(status(link)).status_code == 404
    assert Program(rows, make.merchant()).get(status(link)).status_code == 404
    said = data(Program(rows, make.shop).get(status(link)))
    assert (said["currentStatus"], said["lastEventType"]) == ("DRAFT", "CREATED")


def test_another_merchants_key_sees_no_link(make: Factories, rows: Flask) -> None:
    link, stranger = make.pending().link, Program(rows, make.merchant())
    for name in (link.public_id, link.code):
        assert stranger.get(f"/api/payment-links/{name}/status").status_code == 404
        assert stranger.post(f"/api/payment-links/{name}/refresh").status_code == 404
    assert queue_redis.llen("rq:queue:checks") == 0


@pytest.mark.parametrize("name", ["ZZZZZZZZ", "0", "%00", "ORD-1", "x" * 300, "{}", "urn:uuid:1"])
def test_what_is_no_link_is_not_there(client: FlaskClient, name: str) -> None:
    assert client.get(f"/api/payment-links/{name}/status").status_code == 404
    assert client.post(f"/api/payment-links/{name}/refresh").status_code == 404
    assert client.options(f"/api/payment-links/{name}/status").status_code == 204


def test_an_unchanged_link_answers_304_until_something_visible_happens(
    make: Factories, client: FlaskClient, configure: Configure
) -> None:
    attempt = make.pending()
    first = client.get(status(attempt.link))
    tag = {"If-None-Match": f"W/{first.headers['ETag']}"}
    same = client.get(status(attempt.link), headers=tag)
    assert (same.status_code, same.get_data()) == (304, b"")
    for answer in (first, same):
        assert answer.headers["Cache-Control"] == "private, no-cache"
        assert answer.headers["X-Poll-After"] == "3"
        assert answer.headers["ETag"] == first.headers["ETag"]
        assert "Set-Cookie" not in answer.headers
    settlement.apply(attempt.reference, paid(attempt), actor="test")
    news = client.get(status(attempt.link), headers=tag)
    assert (news.status_code, data(news)["currentStatus"]) == (200, "PAID")
    configure(release="next")
    tag = {"If-None-Match": news.headers["ETag"]}
    assert client.get(status(attempt.link), headers=tag).status_code == 200


def test_asking_changes_no_row(make: Factories, client: FlaskClient) -> None:
    link = make.pending().link
    before = books()
    for _ in range(2):
        client.get(status(link))
        client.post(refresh(link))
        client.options(refresh(link))
    assert books() == before


def test_a_refresh_asks_for_one_check_however_many_ask(
    make: Factories, client: FlaskClient
) -> None:
    attempt = make.pending()
    for _ in range(3):
        answer = client.post(refresh(attempt.link))
        assert answer.status_code == 202
        assert data(answer)["currentStatus"] == "OPEN"
    assert queue_redis.llen("rq:queue:checks") == 1


@pytest.mark.parametrize("build", [_link, _paid, _canceled])
def test_a_refresh_with_nothing_on_its_way_asks_nobody(
    make: Factories, client: FlaskClient, build: Callable[[Factories], PaymentLink]
) -> None:
    link = build(make)
    queue_redis.flushdb()
    answer = client.post(refresh(link))
    assert (answer.status_code, data(answer)["id"]) == (200, str(link.public_id))
    assert queue_redis.keys("check:*") == []
    assert queue_redis.llen("rq:queue:checks") == 0


@pytest.mark.parametrize(
    ("origin", "is_let_in"),
    [
        (SHOP, True),
        ("https://evil.example", False),
        ("https://shop.example.evil.example", False),
        ("http://shop.example", False),
        ("https://shop.example:8443", False),
        ("null", False),
        (None, False),
    ],
)
def test_scripts_on_the_merchants_own_websites_may_read_and_no_others(
    make: Factories, client: FlaskClient, origin: str | None, is_let_in: bool
) -> None:
    link = make.pending().link
    make.change(make.shop, sites=["https://www.example", SHOP])
    headers = {} if origin is None else {"Origin": origin}
    tag = {"If-None-Match": client.get(status(link)).headers["ETag"]}
    for answer in (
        client.get(status(link), headers=headers),
        client.get(status(link), headers=headers | tag),
        client.post(refresh(link), headers=headers),
    ):
        assert answer.status_code in {200, 202, 304}
        assert answer.headers.get("Access-Control-Allow-Origin") == (SHOP if is_let_in else None)
        assert "Origin" in answer.headers["Vary"]
        assert "Access-Control-Allow-Credentials" not in answer.headers
        exposed = answer.headers.get("Access-Control-Expose-Headers")
        assert exposed == ("ETag, Retry-After, X-Poll-After" if is_let_in else None)


@pytest.mark.parametrize(("path", "method"), [(status, "GET"), (refresh, "POST")])
def test_a_browser_is_told_beforehand_what_a_page_may_ask(
    make: Factories, client: FlaskClient, path: Callable[[PaymentLink], str], method: str
) -> None:
    link = make.link()
    make.change(make.shop, sites=[SHOP])
    asked = {"Origin": SHOP, "Access-Control-Request-Method": method}
    answer = client.options(path(link), headers=asked)
    assert (answer.status_code, answer.get_data()) == (204, b"")
    assert answer.headers["Access-Control-Allow-Origin"] == SHOP
    assert answer.headers["Access-Control-Allow-Methods"] == method
    assert answer.headers["Access-Control-Allow-Headers"] == "If-None-Match, Content-Type"
    assert answer.headers["Access-Control-Max-Age"] == "600"
    refused = client.options(path(link), headers=asked | {"Origin": "https://evil.example"})
    assert refused.status_code == 204
    assert not [name for name, _ in refused.headers if name.startswith("Access-Control")]
    assert refused.headers["Vary"] == "Origin"


def test_every_script_can_read_that_it_has_to_wait(
    make: Factories, client: FlaskClient, configure: Configure
) -> None:
    configure(limit_polls=1)
    link, headers = make.link(), {"Origin": "https://elsewhere.example"}
    assert client.get(status(link), headers=headers).status_code == 200
    answer = client.get(status(link), headers=headers)
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Access-Control-Expose-Headers"] == "Retry-After"
    assert link.code not in answer.get_data(as_text=True)


def test_a_drafts_website_is_nobodys_business(make: Factories, client: FlaskClient) -> None:
    link = make.draft()
    make.change(make.shop, sites=[SHOP])
    answer = client.options(status(link), headers={"Origin": SHOP})
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_the_amount_of_the_transaction_is_the_money_that_was_taken(make: Factories) -> None:
    link = _paid(make)
    news = public_status.get(link.code)
    assert news.transaction is not None
    assert news.transaction.money == EUR_25
    assert news.updated_at >= news.last_event_at
    assert fresh(link).version == news.version
