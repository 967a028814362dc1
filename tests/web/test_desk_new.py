from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.domain.situations import snapshot
from tests.factories import Factories, everything, fresh
from tests.pages import Pages, soup, words
from tests.web.desk import desk_of
from webapp.core import clock
from webapp.core.money import Money
from webapp.core.states import AccountState, LinkState
from webapp.domain.payments import accounts
from webapp.models import Event, PaymentEvent, PaymentLink

NEW = "/desk/links/new"
ORDINARY = {
    "title": "Two tickets",
    "amount": "25.00",
    "currency": "EUR",
    "expires_at": "24",
    "tickets": "2",
    "event": "",
    "do": "open",
}


@pytest.fixture
def desk(rows: Flask, make: Factories) -> Pages:
    """The shop's owner, signed in."""
    return desk_of(rows, make)


def form_of(desk: Pages) -> dict[str, str]:
    """Return the hidden fields of a fresh form."""
    fields = soup(desk.get(NEW)).select("main input[type=hidden]")
    return {str(field["name"]): str(field["value"]) for field in fields}


def send(desk: Pages, **changes: str) -> TestResponse:
    """Send a fresh form with ordinary values, some of them changed."""
    return desk.client.post(NEW, data=form_of(desk) | ORDINARY | changes)


def in_a_month(hour: str = "19:30") -> str:
    """Return a day in a month as a browser's field sends it."""
    return f"{clock.now() + timedelta(days=30):%Y-%m-%d}T{hour}"


def new_event(**changes: str) -> dict[str, str]:
    """Return the fields of a new event."""
    ordinary = {
        "event": "new",
        "event_title": "Evening",
        "event_place": "Hall 1",
        "event_starts_at": in_a_month(),
        "event_timezone": "Europe/Berlin",
        "event_capacity": "100",
    }
    return ordinary | changes


def errors(answer: TestResponse) -> dict[str, str]:
    """Return what the page says is wrong, by the field it says it at."""
    found = {}
    for error in soup(answer).select(".field .error"):
        field = str(error["id"]).removesuffix("-error")
        box = soup(answer).select_one(f"#{field}")
        assert box is not None
        assert box["aria-invalid"] == "true"
        assert str(error["id"]) in str(box["aria-describedby"])
        assert soup(answer).select_one(f'#errors a[href="#{field}"]')
        found[field] = error.get_text(strip=True)
    return found


def test_a_link_is_made_and_open_and_its_page_is_shown(make: Factories, desk: Pages) -> None:
    answer = send(desk, buyer_email="Ada@Example.org", buyer_name="Ada", expires_at="72")
    (link,) = everything(PaymentLink)
    assert (answer.status_code, answer.location) == (303, f"/desk/links/{link.reference}")
    assert link.merchant_id == make.shop.id
    assert (link.state, link.money, link.ticket_count) == (
        LinkState.OPEN,
        Money(2500, "EUR"),
        2,
    )
    assert (link.buyer_email, link.buyer_name) == ("Ada@example.org", "Ada")
    assert abs(link.expires_at - clock.now() - timedelta(hours=72)) < timedelta(minutes=1)
    assert {event.actor.partition(":")[0] for event in everything(PaymentEvent)} == {"user"}


def test_a_draft_is_saved_by_the_other_button(desk: Pages) -> None:
    send(desk, do="draft")
    assert [link.state for link in everything(PaymentLink)] == [LinkState.DRAFT]


@pytest.mark.parametrize(
    ("typed", "currency", "minor"),
    [
        ("25", "EUR", 2500),
        ("25.5", "EUR", 2550),
        ("25,00", "EUR", 2500),
        (" 25,50 ", "EUR", 2550),
        ("0.01", "EUR", 1),
        ("99999999.99", "EUR", 9_999_999_999),
        ("500", "JPY", 500),
    ],
)
def test_an_amount_is_read_as_people_type_it(
    desk: Pages, typed: str, currency: str, minor: int
) -> None:
    assert send(desk, amount=typed, currency=currency).status_code == 303
    assert [link.money for link in everything(PaymentLink)] == [Money(minor, currency)]


BAD = [
    ("title", "", "Must not be empty."),
    ("title", " ", "Must not be empty."),
    ("title", "x" * 10_000, "at most 200"),
    ("title", "two\nlines", "one line"),
    ("amount", "", "number such as"),
    ("amount", "0", "above zero"),
    ("amount", "0,00", "above zero"),
    ("amount", "-5", "above zero"),
    ("amount", "1.999", "at most 2 decimals"),
    ("amount", "1,000", "nothing between thousands"),
    ("amount", "1.000", "nothing between thousands"),
    ("amount", "1,000.00", "number such as"),
    ("amount", "100000000", "at most 99999999.99"),
    ("amount", "9" * 10_000, "number such as"),
    ("amount", "1e3", "number such as"),
    ("amount", "NaN", "number such as"),
    ("amount", "<b>25</b>", "number such as"),
    ("currency", "XXX", "Not a valid choice"),
    ("currency", "", "Not a valid choice"),
    ("currency", "eur", "Not a valid choice"),
    ("expires_at", "5", "Not a valid choice"),
    ("expires_at", "forever", "Not a valid choice"),
    ("tickets", "-1", "between 0 and 20"),
    ("tickets", "21", "between 0 and 20"),
    ("tickets", "two", "Not a valid integer"),
    ("tickets", "9" * 5_000, "Not a valid integer"),
    ("buyer_email", "nobody", "Must be an address"),
    ("buyer_email", "x" * 10_000, "Must be an address"),
    ("buyer_name", "x" * 121, "at most 120"),
    ("event", "EVT-NOBODY", "Not a valid choice"),
    ("event", "' OR 1=1", "Not a valid choice"),
]


@pytest.mark.parametrize(("field", "value", "says"), BAD)
def test_what_cannot_be_is_said_at_its_field_and_nothing_is_made(
    desk: Pages, field: str, value: str, says: str
) -> None:
    before = snapshot()
    answer = send(desk, **{field: value})
    assert answer.status_code == 422
    assert list(errors(answer)) == [field]
    assert says in errors(answer)[field]
    assert snapshot() == before
    title = soup(answer).select_one("title")
    assert title is not None
    assert title.get_text().startswith("Error: ")


BAD_EVENTS = [
    ("event_title", "", "Must not be empty."),
    ("event_title", "x" * 10_000, "at most 200"),
    ("event_place", "x" * 201, "at most 200"),
    ("event_starts_at", "", "a date and a time"),
    ("event_starts_at", "2020-01-01T10:00", "in the future"),
    ("event_starts_at", "2090-01-01T10:00", "within ten years"),
    ("event_starts_at", "9999-12-31T23:59", "within ten years"),
    ("event_starts_at", "0001-01-01T00:00", "out of reach"),
    ("event_starts_at", "2027-03-28T02:30", "the clocks go forward"),
    ("event_timezone", "Mars/Olympus", "Not a valid choice"),
    ("event_capacity", "0", "between 1 and"),
    ("event_capacity", "-1", "between 1 and"),
    ("event_capacity", "many", "Not a valid integer"),
    ("event_capacity", "9" * 30, "between 1 and"),
]


@pytest.mark.parametrize(("field", "value", "says"), BAD_EVENTS)
def test_an_event_that_cannot_be_is_said_at_its_field_and_nothing_is_made(
    desk: Pages, field: str, value: str, says: str
) -> None:
    before = snapshot()
    answer = send(desk, **new_event(**{field: value}))
    assert answer.status_code == 422
    assert list(errors(answer)) == [field]
    assert says in errors(answer)[field]
    assert snapshot() == before


def test_what_was_typed_stays_where_it_was_typed(desk: Pages) -> None:
    typed = new_event(title="<i>Söngs</i> & more", amount="0", buyer_name="Ada", tickets="3")
    answer = send(desk, **typed, currency="GBP", expires_at="168", buyer_email="a@example.org")
    assert "<i>" not in answer.get_data(as_text=True)
    page = soup(answer)
    for name, value in (typed | {"buyer_email": "a@example.org"}).items():
        box = page.select_one(f"[name={name}]")
        assert box is not None
        if box.name == "select":
            chosen = box.select_one("option[selected]")
            assert chosen is not None
            assert chosen["value"] == value
        else:
            assert box["value"] == value
    for name, value in (("currency", "GBP"), ("expires_at", "168")):
        assert page.select_one(f"[name={name}] option[selected][value={value!r}]")


def test_several_mistakes_are_said_at_once(desk: Pages) -> None:
    answer = send(desk, title="", amount="0", tickets="21", buyer_email="nobody")
    assert set(errors(answer)) == {"title", "amount", "tickets", "buyer_email"}
    assert "4 things have to be put right" in words(answer)


def test_html_is_the_text_it_is(desk: Pages) -> None:
    location = send(desk, title="<script>alert(1)</script>").location
    (link,) = everything(PaymentLink)
    assert link.title == "<script>alert(1)</script>"
    for path in (location, f"{location}/panel", "/desk/links"):
        assert "<script>alert" not in desk.get(path).get_data(as_text=True)


def test_a_new_event_is_made_with_the_link_at_the_hour_of_its_place(
    make: Factories, desk: Pages
) -> None:
    day = in_a_month("00:30")
    send(desk, **new_event(event_starts_at=day, event_timezone="Asia/Tokyo"))
    (link,), (event,) = everything(PaymentLink), everything(Event)
    assert (link.event_id, link.seats_held) == (event.id, 2)
    assert (event.merchant_id, event.title, event.place, event.capacity) == (
        make.shop.id,
        "Evening",
        "Hall 1",
        100,
    )
    assert event.starts_at.isoformat().endswith("T15:30:00+00:00")
    assert event.timezone == "Asia/Tokyo"


def test_the_hour_is_that_of_the_merchants_zone_unless_said(make: Factories, desk: Pages) -> None:
    make.change(make.shop, timezone="America/New_York")
    chosen = soup(desk.get(NEW)).select_one("#event_timezone option[selected]")
    assert chosen is not None
    assert chosen["value"] == "America/New_York"
    fields = new_event(event_capacity="", event_place="")
    del fields["event_timezone"]
    assert send(desk, **fields).status_code == 303
    (event,) = everything(Event)
    assert (event.timezone, event.capacity, event.place) == ("America/New_York", None, None)


def test_an_upcoming_event_of_ones_own_can_be_chosen(make: Factories, desk: Pages) -> None:
    event, past = make.event(), make.event()
    make.change(past, starts_at=clock.now() - timedelta(hours=1))
    other = Factories()
    theirs = other.event()
    offered = [str(one["value"]) for one in soup(desk.get(NEW)).select("#event option")]
    assert offered == ["", "new", event.reference]
    for reference in (past.reference, theirs.reference):
        answer = send(desk, event=reference)
        assert (answer.status_code, list(errors(answer))) == (422, ["event"])
    assert everything(PaymentLink) == []
    assert send(desk, event=event.reference).status_code == 303
    assert [link.event_id for link in everything(PaymentLink)] == [event.id]


def test_a_new_event_that_was_described_and_not_chosen_is_not_dropped_silently(
    desk: Pages,
) -> None:
    answer = send(desk, **new_event(event=""))
    assert (answer.status_code, list(errors(answer))) == (422, ["event"])
    assert everything(PaymentLink) == []


def test_an_event_without_enough_places_refuses_and_makes_nothing(
    make: Factories, desk: Pages
) -> None:
    event = make.event(capacity=3)
    make.link(event=event)
    before = snapshot()
    answer = send(desk, event=event.reference)
    assert (answer.status_code, list(errors(answer))) == (422, ["tickets"])
    assert snapshot() == before
    answer = send(desk, **new_event(event_capacity="1"))
    assert (answer.status_code, list(errors(answer))) == (422, ["tickets"])
    assert snapshot() == before


@pytest.mark.parametrize("state", list(AccountState)[1:])
def test_without_an_account_to_be_paid_to_there_is_no_form(
    make: Factories, desk: Pages, state: AccountState
) -> None:
    form = form_of(desk) | ORDINARY
    make.change(accounts.active(make.shop), state=state)
    shown = desk.get(NEW)
    assert (shown.status_code, "no account to be paid to" in words(shown)) == (200, True)
    assert soup(shown).select_one("main form") is None
    assert desk.client.post(NEW, data=form).status_code == 409
    assert everything(PaymentLink) == []


def test_the_first_currency_is_the_euro_and_the_first_button_opens(desk: Pages) -> None:
    page = soup(desk.get(NEW))
    first: Any = page.select_one("#currency option")
    button: Any = page.select_one("main button")
    life: Any = page.select_one("#expires_at option[selected]")
    assert (first["value"], button["value"], life["value"]) == ("EUR", "open", "24")


def test_a_link_for_an_event_ends_with_its_beginning_and_the_form_says_so(
    make: Factories, desk: Pages
) -> None:
    event = make.event()
    make.change(event, starts_at=clock.now() + timedelta(hours=5))
    assert "ends when the event begins" in words(desk.get(NEW))
    assert send(desk, event=event.reference, expires_at="720").status_code == 303
    (link,) = everything(PaymentLink)
    assert link.expires_at == fresh(event).starts_at


def test_a_link_made_by_one_user_is_told_by_name(make: Factories, desk: Pages) -> None:
    shown = desk.get(send(desk).location)
    assert "The link was opened for payment" in words(shown)
    assert "Olga Owner" in words(shown)
    assert fresh(everything(PaymentLink)[0]).version == 3
