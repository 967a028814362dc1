import re
from datetime import timedelta

import pytest
from sqlalchemy import event, func
from werkzeug.test import TestResponse

from tests.factories import Factories, everything, observed, paid
from tests.pages import Pages, words
from tests.web.test_checkout import begun_here, in_state
from webapp.core import clock
from webapp.core.states import AttemptState, EmailState
from webapp.domain.payments import settlement
from webapp.extensions import db, queue_redis
from webapp.models import EmailMessage, PaymentLink
from webapp.providers.base import Payment, ProviderState

ON = ("pay", "processing", "success", "expired", "canceled", "review")
STATES = ("OPEN", "in flight", "PAID", "EXPIRED", "CANCELED", "REVIEW", "REFUNDED")


def poll(pages: Pages, link: PaymentLink, on: str, etag: str | None = None) -> TestResponse:
    """Ask as the script does."""
    headers = {"HX-Request": "true"} | ({"If-None-Match": etag} if etag else {})
    return pages.client.get(f"/pay/{link.code}/status?on={on}", headers=headers)


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("on", ON)
def test_an_answer_is_news_or_nothing_new_or_another_page_and_never_the_page_that_asks(
    make: Factories, pages: Pages, state: str, on: str
) -> None:
    link = in_state(make, state)
    answer = poll(pages, link, on)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Vary"] == "HX-Request"
    assert "Set-Cookie" not in answer.headers
    assert re.fullmatch(r"stop|\d+(\.\d+)?", answer.headers["X-Poll-After"])
    here = f"/pay/{link.code}" + ("" if on == "pay" else f"/{on}")
    redirect = answer.headers.get("HX-Redirect")
    again = poll(pages, link, on, answer.headers["ETag"])
    if redirect is None:
        assert again.status_code == 304
        assert again.get_data() == b""
        assert again.headers["ETag"] == answer.headers["ETag"]
        assert again.headers["X-Poll-After"] == answer.headers["X-Poll-After"]
    else:
        assert redirect != here
        assert again.status_code == 200, "a page that must be left is never told nothing new"
        assert pages.get(redirect).status_code == 200


@pytest.mark.parametrize("state", STATES)
def test_the_page_and_its_poll_show_the_same_fragment_under_the_same_tag(
    make: Factories, pages: Pages, state: str
) -> None:
    link = in_state(make, state)
    page = pages.get(f"/pay/{link.code}")
    while page.status_code == 303:
        page = pages.get(page.location)
    html = page.get_data(as_text=True)
    on = re.search(r"status\?on=(\w+)", html)
    tag = re.search(r'data-etag="(.*?)"', html)
    assert on is not None
    assert tag is not None
    answer = poll(pages, link, on[1])
    fragment, list_tag, timeline = answer.get_data(as_text=True).partition("<ol")
    assert fragment.strip() in html
    assert f"{list_tag}{timeline}".replace(' hx-swap-oob="innerHTML"', "").strip() in html
    assert tag[1].replace("&#34;", '"') == answer.headers["ETag"]


def test_a_weak_tag_is_understood_as_a_proxy_may_make_it(make: Factories, pages: Pages) -> None:
    link = make.link()
    tag = poll(pages, link, "pay").headers["ETag"]
    assert poll(pages, link, "pay", f"W/{tag}").status_code == 304


def test_a_poll_changes_no_row(make: Factories, pages: Pages) -> None:
    attempt = make.pending()
    written: list[str] = []

    def watch(_c: object, _cursor: object, statement: str, *_rest: object) -> None:
        if not statement.lstrip().upper().startswith("SELECT"):
            written.append(statement)

    event.listen(db.engine, "before_cursor_execute", watch)
    try:
        for on in ON:
            poll(pages, attempt.link, on)
    finally:
        event.remove(db.engine, "before_cursor_execute", watch)
    assert written == []


def test_a_poll_asks_the_queue_for_one_check_however_many_ask(
    make: Factories, pages: Pages
) -> None:
    attempt = make.pending()
    queue_redis.flushdb()
    for _ in range(10):
        poll(pages, attempt.link, "processing")
    assert queue_redis.llen("rq:queue:checks") == 1


def test_the_words_change_with_the_waiting_though_no_row_does(
    make: Factories, pages: Pages
) -> None:
    attempt = make.pending()
    tags, headlines = [], []
    for seconds in (1, 31, 121):
        make.change(attempt, returned_at=func.now() - timedelta(seconds=seconds))
        answer = poll(pages, attempt.link, "processing")
        tags.append(answer.headers["ETag"])
        headlines.append(words(answer))
    assert len(set(tags)) == 3
    assert len(set(headlines)) == 3
    assert "longer than usual" in headlines[1]


@pytest.mark.parametrize(
    ("seconds_since_return", "expected"), [(0, "0.5"), (1, "1"), (16, "3"), (179, "3"), (181, "5")]
)
def test_the_pace_slows_down_after_the_return(
    make: Factories, pages: Pages, seconds_since_return: int, expected: str
) -> None:
    attempt = make.pending()
    make.change(attempt, returned_at=func.now() - timedelta(seconds=seconds_since_return))
    assert poll(pages, attempt.link, "processing").headers["X-Poll-After"] == expected


@pytest.mark.parametrize(("state", "page"), [("REFUNDED", "canceled"), ("CANCELED", "canceled")])
def test_a_payment_that_is_watched_for_what_goes_back_keeps_no_page_asking(
    make: Factories, pages: Pages, state: str, page: str
) -> None:
    attempt = make.pending()
    make.change(attempt.link, state=state, ended_at=func.now(), paid_at=func.now())
    later = func.now() + timedelta(days=14)
    make.change(attempt, state=AttemptState.EXPIRED, watch_until=later)
    assert poll(pages, attempt.link, page).headers["X-Poll-After"] == "15"
    make.change(attempt, state=AttemptState.SUCCEEDED)
    assert poll(pages, attempt.link, page).headers["X-Poll-After"] == "stop"


def test_a_paid_page_asks_until_its_promises_are_kept(make: Factories, pages: Pages) -> None:
    attempt = make.pending()
    settlement.apply(attempt.reference, paid(attempt), actor="test")
    answer = poll(pages, attempt.link, "success")
    assert "2 tickets made · email on its way" in words(answer)
    assert answer.headers["X-Poll-After"] == "3"
    message = db.session.scalars(db.select(EmailMessage)).one()
    make.change(message, state=EmailState.SENT)
    answer = poll(pages, attempt.link, "success")
    assert "2 tickets made · email delivered" in words(answer)
    assert answer.headers["X-Poll-After"] == "stop"
    make.change(message, state=EmailState.DOUBTFUL, repeats=0)
    assert "email on its way" in words(poll(pages, attempt.link, "success"))
    make.change(message, repeats=1)
    answer = poll(pages, attempt.link, "success")
    assert "may not have arrived" in words(answer)
    assert answer.headers["X-Poll-After"] == "stop"


def test_the_fragment_names_nobody(make: Factories, pages: Pages) -> None:
    link = in_state(make, "PAID")
    body = poll(pages, link, "success").get_data(as_text=True)
    for private in ("ada", link.reference, "example.org"):
        assert private not in body


@pytest.mark.parametrize("on", ["", "elsewhere", "PAY"])
def test_a_poll_from_a_page_that_is_not_there_is_refused(
    make: Factories, pages: Pages, on: str
) -> None:
    assert poll(pages, make.link(), on).status_code == 400


def test_an_unknown_code_is_gone(make: Factories, pages: Pages) -> None:
    assert pages.client.get("/pay/ZZZZZZZZ/status?on=pay").status_code == 404


def test_a_buyers_return_is_news_to_a_page_in_another_tab(make: Factories, pages: Pages) -> None:
    attempt = begun_here(make, pages)
    path = f"/pay/{attempt.link.code}/status?on=processing"
    before = pages.get(path).headers["ETag"]
    pages.get(f"/pay/{attempt.link.code}/processing?returned=1")
    assert pages.get(path, If_None_Match=before).status_code == 200


def test_a_payment_that_is_seen_late_has_its_promises_watched_as_long_as_any_other(
    make: Factories, pages: Pages
) -> None:
    attempt = make.pending()
    said = observed(
        attempt,
        ProviderState.PAID,
        Payment("pay-1", attempt.money, clock.now() - timedelta(hours=1)),
    )
    settlement.apply(attempt.reference, said, actor="test")
    path = f"/pay/{attempt.link.code}/status?on=success"
    assert pages.get(path).headers["X-Poll-After"] == "3"
    (message,) = everything(EmailMessage)
    make.change(message, created_at=clock.now() - timedelta(minutes=6))
    assert pages.get(path).headers["X-Poll-After"] == "stop"
