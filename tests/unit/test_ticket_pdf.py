import hashlib
import logging
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import pytest

from tests.unit import orders
from tests.unit.pdf_pages import Pages
from webapp.config import ROOT
from webapp.core.money import Money
from webapp.core.ticket_code import verify
from webapp.documents import ticket_pdf

# Texts as long as a form lets them be, with nowhere to break.
ENDLESS = "W" * 200


@pytest.mark.parametrize("tickets", [1, 2, 20])
def test_each_ticket_is_a_page_whose_code_reads_back_and_verifies(tickets: int) -> None:
    pages = Pages(ticket_pdf.render(orders.order(tickets)))
    read = [[verify(code, orders.SIGNER.public_keys) for code in codes] for codes in pages.codes]
    assert read == [[orders.claim(n)] for n in range(1, tickets + 1)]


def test_a_page_says_what_who_when_where_and_how_much() -> None:
    first, second = Pages(ticket_pdf.render(orders.order(2))).texts
    for said in (
        "Kulturverein Überall",
        "Winter concert",
        "2 seats, first row",
        "Saturday 21 November 2026, 19:30 CET",
        "Stadthalle, Königsstraße 12, Köln",
        "ORD-7K2MQD4XHB",
        "Zoë Müller-Łukasiewicz",
        "€50.00",
        "Doors open at 18:45.",
        "Bring this page, printed or on your phone.",
        "help@kultur.example",
    ):
        assert said in first
        assert said in second
    assert "Ticket 1 of 2" in first
    assert "ORD-7K2MQD4XHB-1" in first
    assert "Ticket 2 of 2" in second
    assert "ORD-7K2MQD4XHB-2" in second


def test_what_is_not_known_leaves_no_trace() -> None:
    bare = orders.order(
        event_name=None,
        event_place=None,
        event_starts_at=None,
        event_timezone=None,
        buyer_name=None,
        instructions=None,
        support_email=None,
    )
    (text,) = Pages(ticket_pdf.render(bare)).texts
    assert "2 seats, first row" in text
    for unsaid in ("None", "Name", "Questions", "2026"):
        assert unsaid not in text


def test_the_pages_are_a5_and_the_file_says_whose_it_is() -> None:
    pages = Pages(ticket_pdf.render(orders.order(2)))
    assert pages.sizes_mm == [(148, 210), (148, 210)]
    assert pages.metadata["Title"] == "Winter concert (ORD-7K2MQD4XHB)"
    assert pages.metadata["Author"] == "Kulturverein Überall"


def test_the_same_order_gives_the_same_bytes_in_every_process() -> None:
    here = ticket_pdf.render(orders.order(2))
    program = (
        "import hashlib; from tests.unit import orders; from webapp.documents import ticket_pdf;"
        "print(hashlib.sha256(ticket_pdf.render(orders.order(2))).hexdigest())"
    )
    elsewhere = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONHASHSEED": "1"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ticket_pdf.render(orders.order(2)) == here
    assert elsewhere.stdout.strip() == hashlib.sha256(here).hexdigest()


@pytest.mark.parametrize(
    "changes",
    [
        {"event_name": ENDLESS},
        {"event_name": ENDLESS, "title": ENDLESS[:-1], "event_place": ENDLESS},
        {"buyer_name": ENDLESS, "merchant_name": ENDLESS},
        {"instructions": "A sentence that goes on. " * 400},
        {"instructions": "line\n" * 500},
        {
            "merchant_name": ENDLESS,
            "title": ENDLESS[:-1],
            "event_name": ENDLESS,
            "event_place": ENDLESS,
            "buyer_name": ENDLESS,
            "instructions": ENDLESS * 10,
            "support_email": "w" * 64 + "@" + "w" * 60 + ".example",
            "amount": Money(9_999_999_999, "XOF"),
        },
    ],
    ids="+".join,
)
def test_whatever_a_merchant_writes_each_ticket_stays_one_readable_page(
    changes: dict[str, Any],
) -> None:
    pages = Pages(ticket_pdf.render(orders.order(2, **changes)))
    assert len(pages) == 2
    for number, (text, codes) in enumerate(zip(pages.texts, pages.codes, strict=True), start=1):
        assert [verify(code, orders.SIGNER.public_keys) for code in codes] == [orders.claim(number)]
        assert f"{orders.REFERENCE}-{number}" in text
        assert f"Ticket {number} of 2" in text


@pytest.mark.parametrize(
    "words",
    [
        "Χειμερινή συναυλία",
        "Zażółć gęślą jaźń",
        "Зимний концерт",
        "Концерт 🎻🎫👩‍👩‍👧 2026",
        "冬のコンサート",
        "حفلة الشتاء",
        "\u202edneverroc",
        "a\u0301\u0301\u0301 z\u200dero\ufeff",
        "null\x00byte \x1b[31m",
    ],
)
def test_every_script_can_be_printed(words: str) -> None:
    pages = Pages(ticket_pdf.render(orders.order(event_name=words, buyer_name=words)))
    assert len(pages) == 1
    assert [verify(code, orders.SIGNER.public_keys) for code in pages.codes[0]] == [orders.claim(1)]


@pytest.mark.parametrize("words", ["Χειμερινή συναυλία", "Zażółć gęślą jaźń", "Зимний концерт"])
def test_greek_polish_and_russian_are_printed_in_real_letters(words: str) -> None:
    (text,) = Pages(ticket_pdf.render(orders.order(event_name=words))).texts
    assert words in text


def test_our_own_template_makes_the_printer_complain_of_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ticket_pdf._stylesheet.cache_clear()
    with caplog.at_level(logging.WARNING):
        ticket_pdf.render(orders.order(3))
    assert [record.getMessage() for record in caplog.records] == []


def test_several_threads_can_print_at_once() -> None:
    one = ticket_pdf.render(orders.order(1))
    with ThreadPoolExecutor(4) as threads:
        assert (
            list(threads.map(lambda _: ticket_pdf.render(orders.order(1)), range(8))) == [one] * 8
        )


def test_an_order_without_tickets_is_not_printed() -> None:
    with pytest.raises(ValueError, match="without tickets"):
        ticket_pdf.render(orders.order(0))


@pytest.mark.parametrize(
    "changes",
    [
        {"event_timezone": None},
        {"event_starts_at": None},
        {"event_starts_at": datetime(2026, 11, 21, 18, 30)},  # noqa: DTZ001  # that is the point
    ],
)
def test_a_start_that_nobody_could_write_down_makes_no_order(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="event's start"):
        orders.order(1, **changes)
