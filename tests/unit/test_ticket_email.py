from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from bs4 import BeautifulSoup

from tests.unit import orders
from webapp import paper
from webapp.documents.ticket_email import TicketEmail

Reader = Callable[[TicketEmail], str]

PAGE = "https://pay.example/tickets/K7M2QD4X.abc?t=abc&u=1"


def facts(tickets: int = 2, **changes: Any) -> TicketEmail:
    return TicketEmail(
        order=orders.order(tickets, **changes),
        paid_at=datetime(2026, 11, 1, 9, 5, tzinfo=UTC),
        timezone="Europe/Berlin",
        page_url=PAGE,
        is_pdf_attached=True,
    )


def subject(email: TicketEmail) -> str:
    return paper.fill("emails/tickets/subject.txt", email=email).strip()


def plain(email: TicketEmail) -> str:
    return paper.fill("emails/tickets/body.txt", email=email)


def html(email: TicketEmail) -> BeautifulSoup:
    return BeautifulSoup(paper.fill("emails/tickets/body.html", email=email), "html.parser")


def words(email: TicketEmail) -> str:
    """What a reader of the HTML reads."""
    body = html(email).body
    assert body is not None
    return " ".join(body.get_text().split())


@pytest.mark.parametrize(
    ("email", "expected"),
    [
        (facts(1), "Your ticket for Winter concert"),
        (facts(20), "Your 20 tickets for Winter concert"),
        (facts(2, event_name=None), "Your 2 tickets for 2 seats, first row"),
        (facts(0), "Your payment to Kulturverein Überall"),
        (facts(1, event_name="<Rock & Roll>"), "Your ticket for <Rock & Roll>"),
    ],
)
def test_the_subject_says_what_came(email: TicketEmail, expected: str) -> None:
    assert subject(email) == expected


@pytest.mark.parametrize("text", [plain, words])
def test_both_texts_tell_the_whole_order(text: Reader) -> None:
    told = text(facts(2))
    for fact in (
        "Thank you, Zoë Müller-Łukasiewicz.",
        "Reference: ORD-7K2MQD4XHB",
        "For: 2 seats, first row",
        "Amount: €50.00",
        "Paid to: Kulturverein Überall",
        "Paid on: Sunday 1 November 2026, 10:05 CET",
        "Winter concert",
        "Saturday 21 November 2026, 19:30 CET",
        "Stadthalle, Königsstraße 12, Köln",
        "1 of 2: ORD-7K2MQD4XHB-1",
        "2 of 2: ORD-7K2MQD4XHB-2",
        "attached PDF",
        "Doors open at 18:45.",
        "Bring this page, printed or on your phone.",
        "help@kultur.example",
    ):
        assert fact in told


@pytest.mark.parametrize(("tickets", "label"), [(0, "receipt"), (1, "ticket"), (2, "tickets")])
def test_both_texts_begin_with_the_way_to_the_ticket_page(tickets: int, label: str) -> None:
    email = facts(tickets)
    assert f"\n\nOpen your {label}\n  {PAGE}\n" in plain(email)
    first = html(email).find("a")
    assert first is not None
    assert (first["href"], first.get_text()) == (PAGE, f"Open your {label}")


@pytest.mark.parametrize("text", [plain, words])
def test_what_to_note_about_tickets_is_told_with_tickets_only(text: Reader) -> None:
    assert "Doors open at 18:45." in text(facts(1))
    assert "Doors open at 18:45." not in text(facts(0))


@pytest.mark.parametrize("text", [plain, words])
def test_the_file_for_the_calendar_is_named_where_the_event_has_a_day(text: Reader) -> None:
    assert "event.ics" in text(facts(1))
    assert "event.ics" not in text(facts(1, event_starts_at=None, event_timezone=None))


def test_every_element_keeps_its_look_where_the_style_sheet_is_dropped() -> None:
    page = html(facts(2))
    image = page.find("img")
    button = page.find("a")
    assert image is not None
    assert button is not None
    # A scanner needs the white ground in every scheme, a person a button that is one.
    assert "background:#ffffff" in str(image["style"])
    assert "background:#0a6a4c" in str(button["style"])
    assert page.style is not None
    dark = page.style.get_text().partition("prefers-color-scheme: dark")[2]
    assert "img" not in dark


@pytest.mark.parametrize("text", [plain, words])
def test_when_the_pdf_is_too_large_the_page_takes_its_place(text: Reader) -> None:
    told = text(replace(facts(2), is_pdf_attached=False))
    assert "too large for this email" in told
    assert "attached" not in told


@pytest.mark.parametrize("text", [plain, words])
def test_a_receipt_mentions_no_tickets_and_what_is_not_known_leaves_no_trace(text: Reader) -> None:
    told = text(
        facts(
            0,
            event_name=None,
            event_place=None,
            event_starts_at=None,
            event_timezone=None,
            buyer_name=None,
            instructions=None,
            support_email=None,
        )
    )
    told = told.replace(PAGE, "")
    assert "Thank you." in told
    assert "This is your receipt." in told
    assert "Reference: ORD-7K2MQD4XHB" in told
    for unsaid in ("icket", "None", "PDF", "event", "note", "Questions"):
        assert unsaid not in told


def test_the_html_loads_nothing_from_anywhere() -> None:
    page = html(facts(3))
    assert page.find_all(["script", "link", "iframe", "object", "embed", "form", "table"]) == []
    sources = [image["src"] for image in page.find_all("img")]
    assert sources == [f"cid:{facts(3).content_id(t)}" for t in facts(3).order.tickets]
    style = page.style
    assert style is not None
    assert "url(" not in style.get_text()
    assert "@import" not in style.get_text()


def test_every_picture_has_words_beside_it() -> None:
    assert [image["alt"] for image in html(facts(2)).find_all("img")] == [
        "QR code of ticket ORD-7K2MQD4XHB-1",
        "QR code of ticket ORD-7K2MQD4XHB-2",
    ]


def test_the_html_names_its_language_and_both_colour_schemes() -> None:
    page = html(facts(1))
    assert page.html is not None
    assert page.html["lang"] == "en"
    scheme = page.find("meta", attrs={"name": "color-scheme"})
    assert scheme is not None
    assert scheme["content"] == "light dark"


def test_markup_in_anybodys_words_is_only_text() -> None:
    hostile = '<img src="https://evil.example/x.png"><a href="https://evil.example">Pay again</a>'
    email = facts(
        1,
        merchant_name=hostile,
        title=hostile,
        event_name=hostile,
        event_place=hostile,
        buyer_name=hostile,
        instructions=hostile,
        support_email="a@b.example?cc=<x>",
    )
    page = html(email)
    assert len(page.find_all("img")) == 1
    assert not any("evil.example" in str(link["href"]) for link in page.find_all("a"))
    assert words(email).count("Pay again") == 7
    assert hostile in plain(email)


def test_lines_of_the_instructions_stay_lines() -> None:
    email = facts(1, instructions="First.\r\nSecond.\nThird.")
    assert "  First.\n  Second.\n  Third.\n" in plain(email).replace("\r\n", "\n")
    note = html(email).find("h2", string="Please note")
    assert note is not None
    paragraph = note.find_next("p")
    assert paragraph is not None
    assert list(paragraph.stripped_strings) == ["First.", "Second.", "Third."]


def test_the_plain_text_has_no_gaps_and_no_markup() -> None:
    for email in (facts(0), facts(1), facts(2, instructions=None, support_email=None)):
        text = plain(email)
        assert "\n\n\n" not in text
        assert not text.startswith("\n")
        assert text.endswith("\n")
        assert not text.endswith("\n\n")
        assert "&" not in text.replace(PAGE, "")
