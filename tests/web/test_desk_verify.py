"""The "Verify now" button: asks in the background, once for a double click."""

from flask import Flask

from tests.conftest import Configure
from tests.domain.at_bank import AtBank, verify
from tests.factories import Factories, fresh
from tests.pages import soup, words
from tests.web.desk import desk_of, send
from webapp.core import clock
from webapp.extensions import queue_redis
from webapp.jobs import JobName


def test_the_button_makes_the_attempt_due_and_says_so(make: Factories, rows: Flask) -> None:
    owner, attempt = desk_of(rows, make), make.pending()
    make.change(attempt, unreadable_count=3)
    path = f"/desk/links/{attempt.link.reference}"
    (button,) = soup(owner.get(path)).select("form[action$='/verify'] button")
    assert button.text == "Verify now"
    answer = send(owner, f"{path}/verify")
    assert (answer.status_code, answer.location) == (303, f"{path}?asked=1")
    assert "The provider is being asked" in words(owner.get(f"{path}?asked=1"))
    due = fresh(attempt).next_check_at
    assert due is not None
    assert due <= clock.now()
    assert attempt.asked_at is not None
    assert queue_redis.exists(f"kick:{JobName.VERIFICATION}")


def test_a_double_click_asks_once(make: Factories, rows: Flask) -> None:
    owner, attempt = desk_of(rows, make), make.pending()
    path = f"/desk/links/{attempt.link.reference}/verify"
    assert send(owner, path).status_code == 303
    make.change(attempt, asked_at=None)
    again = send(owner, path)
    assert again.status_code == 429
    assert "asked moments ago" in words(again)
    assert fresh(attempt).asked_at is None


def test_no_more_than_so_often_a_minute(make: Factories, rows: Flask, configure: Configure) -> None:
    configure(verify_per_minute=1)
    owner, attempt = desk_of(rows, make), make.pending()
    path = f"/desk/links/{attempt.link.reference}/verify"
    assert send(owner, path).status_code == 303
    queue_redis.delete(f"paced:verify-button:{attempt.link_id}")
    assert send(owner, path).status_code == 429


def test_where_nothing_is_watched_there_is_nothing_to_ask(make: Factories, rows: Flask) -> None:
    owner, link = desk_of(rows, make), make.link()
    path = f"/desk/links/{link.reference}"
    assert soup(owner.get(path)).select("form[action$='/verify']") == []
    assert send(owner, f"{path}/verify").status_code == 409


def test_the_page_shows_when_the_provider_was_asked_and_what_it_said(
    at_bank: AtBank, make: Factories, rows: Flask
) -> None:
    owner, attempt = desk_of(rows, make), at_bank.start()
    verify(attempt)
    fresh(attempt)
    page = soup(owner.get(f"/desk/links/{attempt.link.reference}"))
    lines = [" ".join(line.text.split()) for line in page.select("[aria-labelledby=payments] p")]
    assert f"Checkout {attempt.checkout_id}" in lines
    assert [line for line in lines if line.startswith("Asked ") and line.endswith(": open")]
