import base64
import io
import logging
from pathlib import Path
from typing import Any

import pytest
import zxingcpp
from bs4 import Tag
from flask import Flask
from icalendar import Calendar
from PIL import Image

from tests.conftest import Configure
from tests.domain.mailing import pdf_of, received, send_due
from tests.factories import Factories, everything, paid
from tests.pages import Pages, soup, words
from tests.unit.handover import url_of
from tests.unit.mail_servers import serving
from tests.unit.pdf_pages import Pages as Sheets
from webapp.core import clock, ticket_code
from webapp.core.states import LinkState, TicketState
from webapp.domain.payments import settlement
from webapp.domain.tickets import buyer_tokens, delivery, orders
from webapp.extensions import db, settings
from webapp.models import PaymentLink, Ticket, TicketDocument


def bought(make: Factories, **order: Any) -> PaymentLink:
    """Have an order paid; nothing of it is printed or sent yet."""
    attempt = make.pending(**order)
    settlement.apply(attempt.reference, paid(attempt), actor="test")
    db.session.refresh(attempt.link)
    return attempt.link


def page_of(link: PaymentLink, file: str = "") -> str:
    return f"/tickets/{buyer_tokens.of(link.code)}{file}"


def scanned(image: Tag) -> str:
    """Read the picture of a page as a scanner would."""
    kind, _, content = str(image["src"]).partition(",")
    assert kind == "data:image/png;base64"
    (code,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(base64.b64decode(content))))
    return str(code.text)


def serials(codes: list[str]) -> list[str]:
    """Return the serials of codes that all verify."""
    claims = [ticket_code.verify(code, settings.signer.public_keys) for code in codes]
    assert all(claims)
    return [claim.serial for claim in claims if claim]


def test_the_page_tells_the_order_and_each_tickets_code_verifies(
    make: Factories, pages: Pages
) -> None:
    link = bought(make, event=make.event(), buyer_name="Ada Buyer", ticket_count=3)
    answer = pages.get(page_of(link))
    assert answer.status_code == 200
    told = words(answer)
    for fact in (
        "Evening",
        "Hall 1",
        "Two tickets",
        "Ada Buyer",
        link.reference,
        "€25.00",
        "Ticket 1 of 3",
        "Ticket 3 of 3",
        "Valid",
    ):
        assert fact in told
    times = [str(time["datetime"]) for time in soup(answer).select("time")]
    assert link.event is not None
    assert link.paid_at is not None
    assert times == [link.event.starts_at.isoformat(), link.paid_at.isoformat()]
    images = soup(answer).select(".ticket .qr img")
    assert serials([scanned(image) for image in images]) == [
        f"{link.reference}-{number}" for number in (1, 2, 3)
    ]
    assert [image["alt"] for image in images] == [
        f"QR code of ticket {link.reference}-{number}" for number in (1, 2, 3)
    ]


def test_page_email_and_pdf_carry_the_same_codes(
    make: Factories, pages: Pages, configure: Configure
) -> None:
    link = bought(make, event=make.event())
    with serving() as server:
        configure(mail_url=url_of(server))
        send_due()
    (arrived,) = received(server)
    inline = [
        zxingcpp.read_barcodes(Image.open(io.BytesIO(part.get_content())))[0].text
        for part in arrived.walk()
        if part.get_content_type() == "image/png"
    ]
    printed = pdf_of(arrived)
    assert printed is not None
    shown = [scanned(image) for image in soup(pages.get(page_of(link))).select(".qr img")]
    assert inline == shown
    assert [code for sheet in Sheets(printed).codes for code in sheet] == shown
    assert serials(shown) == [ticket.serial for ticket in everything(Ticket)]
    # The email opens this very page, and brings the file that the page offers.
    html = arrived.get_body(("html",))
    assert html is not None
    assert f'href="{settings.base_url}{page_of(link)}"' in html.get_content()
    (entry,) = [
        part for part in arrived.iter_attachments() if part.get_content_type() == "text/calendar"
    ]
    assert entry.get_filename() == "event.ics"
    (told,) = Calendar.from_ical(entry.get_content()).walk("VEVENT")
    assert link.event is not None
    assert told.decoded("DTSTART") == link.event.starts_at.replace(microsecond=0)
    assert str(told["UID"]) == f"{link.event.reference}@{settings.mail_domain}"


def test_who_has_only_the_code_sees_no_ticket(make: Factories, pages: Pages) -> None:
    link = bought(make, event=make.event(), buyer_name="Ada Buyer")
    (first, *_) = everything(Ticket)
    for path in (
        f"/tickets/{link.code}",
        f"/tickets/{link.code}.",
        f"/tickets/{link.code}.{'A' * 43}",
        f"/pay/{link.code}/success",
        f"/pay/{link.code}/status?on=success",
    ):
        told = pages.get(path).get_data(as_text=True)
        for private in (first.serial, first.code, "Ada Buyer", buyer_tokens.of(link.code)):
            assert private not in told


def test_the_browser_that_paid_is_shown_the_way_to_its_tickets(
    make: Factories, pages: Pages
) -> None:
    link = make.link()
    pages.get(f"/pay/{link.code}")
    cookie = pages.client.get_cookie("sitting", path=f"/pay/{link.code}")
    assert cookie is not None
    attempt = make.pending(link, token=cookie.value)
    settlement.apply(attempt.reference, paid(attempt), actor="test")
    (button,) = soup(pages.get(f"/pay/{link.code}/success")).select("a.button.primary")
    assert button.get_text() == "Open your tickets"
    assert "Ticket 1 of 2" in words(pages.get(str(button["href"])))


@pytest.mark.parametrize("file", ["", "/tickets.pdf", "/event.ics"])
def test_the_token_of_one_order_opens_no_other(make: Factories, pages: Pages, file: str) -> None:
    event = make.event()
    mine, other = (bought(make, event=event, buyer_name=name) for name in ("Ada", "Grace"))
    delivery.pdf(mine.id, orders.order_of(mine))
    signature = buyer_tokens.of(mine.code).partition(".")[2]
    assert pages.get(f"/tickets/{other.code}.{signature}{file}").status_code == 404
    answer = pages.get(page_of(mine, file))
    assert answer.status_code == 200
    assert other.reference.encode() not in answer.data


@pytest.mark.parametrize("file", ["", "/tickets.pdf", "/event.ics"])
@pytest.mark.parametrize(
    "state", [LinkState.DRAFT, LinkState.OPEN, LinkState.EXPIRED, LinkState.REVIEW]
)
def test_an_order_that_is_not_paid_has_no_ticket_page(
    make: Factories, pages: Pages, state: LinkState, file: str
) -> None:
    link = make.draft(event=make.event())
    make.change(link, state=state, ended_at=clock.now())
    answer = pages.get(page_of(link, file))
    assert answer.status_code == 404
    assert link.title not in words(answer)


def test_a_refunded_order_says_so_and_its_tickets_are_void(make: Factories, pages: Pages) -> None:
    link = bought(make, event=make.event())
    delivery.pdf(link.id, orders.order_of(link))
    make.change(link, state=LinkState.REFUNDED)
    answer = pages.get(page_of(link))
    assert answer.status_code == 200
    assert "This order was refunded" in words(answer)
    assert [badge.get_text() for badge in soup(answer).select(".badge")] == [
        "Refunded",
        "Void",
        "Void",
    ]
    assert soup(answer).select("img, a.button") == []
    for file in ("/tickets.pdf", "/event.ics"):
        assert pages.get(page_of(link, file)).status_code == 404


def test_a_void_ticket_has_no_code_and_a_used_one_says_when(make: Factories, pages: Pages) -> None:
    link = bought(make, ticket_count=3, event=make.event())
    used, void, _ = everything(Ticket)
    make.change(used, state=TicketState.CHECKED_IN, checked_in_at=clock.now())
    make.change(void, state=TicketState.VOID)
    answer = pages.get(page_of(link))
    cards = soup(answer).select(".ticket")
    assert [card.select_one(".badge").get_text() for card in cards] == [  # type: ignore[union-attr]
        "Checked in",
        "Void",
        "Valid",
    ]
    assert [bool(card.select("img")) for card in cards] == [True, False, True]
    assert void.code not in answer.get_data(as_text=True)
    assert "Checked in on" in cards[0].get_text()


def test_while_the_pdf_is_being_made_the_page_says_so_and_the_file_asks_to_come_again(
    make: Factories, pages: Pages
) -> None:
    link = bought(make)
    assert "The PDF is being made" in words(pages.get(page_of(link)))
    assert "Download PDF" not in words(pages.get(page_of(link)))
    answer = pages.get(page_of(link, "/tickets.pdf"))
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert "The PDF is being made" in words(answer)
    assert everything(TicketDocument) == [], "a request prints nothing"
    printed = delivery.pdf(link.id, orders.order_of(link))
    (button,) = soup(pages.get(page_of(link))).select("a.button.primary")
    answer = pages.get(str(button["href"]))
    assert (answer.status_code, answer.mimetype) == (200, "application/pdf")
    assert answer.data == printed
    assert f"tickets-{link.reference}.pdf" in answer.headers["Content-Disposition"]


def test_the_event_goes_into_a_calendar(make: Factories, pages: Pages) -> None:
    link = bought(make, event=make.event())
    (button,) = (
        button
        for button in soup(pages.get(page_of(link))).select("a.button")
        if button.get_text() == "Add to calendar"
    )
    answer = pages.get(str(button["href"]))
    assert answer.content_type == "text/calendar; charset=utf-8"
    assert "event.ics" in answer.headers["Content-Disposition"]
    (entry,) = Calendar.from_ical(answer.data).walk("VEVENT")
    assert link.event is not None
    assert entry.decoded("DTSTART") == link.event.starts_at.replace(microsecond=0)


def test_a_receipt_has_neither_tickets_nor_files(make: Factories, pages: Pages) -> None:
    make._merchant = make.merchant(
        ticket_instructions="Doors open at 18:45.", timezone="America/New_York"
    )
    link = bought(make, ticket_count=0)
    answer = pages.get(page_of(link))
    assert "Your receipt" in str(soup(answer).title)
    assert "icket" not in words(answer).replace(link.title, "")
    assert "PDF" not in words(answer)
    assert "Doors" not in words(answer)
    assert soup(answer).select("time")[0].get_text()[-3:] in {"EST", "EDT"}
    assert soup(answer).select("a.button, .ticket") == []
    for file in ("/tickets.pdf", "/event.ics"):
        assert pages.get(page_of(link, file)).status_code == 404


def test_markup_in_anybodys_words_is_only_text(make: Factories, pages: Pages) -> None:
    hostile = '<img src="https://evil.example/x"><b id="main">'
    make._merchant = make.merchant(
        name=hostile, ticket_instructions=f"{hostile}\nSecond line", support_email="a@b.example"
    )
    event = make.event()
    make.change(event, title=hostile, place=hostile)
    link = bought(make, event=event, title=hostile, buyer_name=hostile, ticket_count=1)
    answer = pages.get(page_of(link))
    assert answer.status_code == 200
    assert len(soup(answer).select("img")) == 1
    assert words(answer).count("evil.example") == 7


@pytest.mark.parametrize("file", ["", "/tickets.pdf", "/event.ics"])
def test_nothing_of_it_is_kept_by_caches_or_told_to_others(
    make: Factories, pages: Pages, file: str
) -> None:
    link = bought(make, event=make.event())
    for printed in (False, True):
        if printed:
            delivery.pdf(link.id, orders.order_of(link))
        headers = pages.get(page_of(link, file)).headers
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Robots-Tag"] == "noindex"
        assert headers["Referrer-Policy"] == "no-referrer"


def test_the_token_is_in_no_log(
    make: Factories,
    rows: Flask,
    configure: Configure,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    link = bought(make, event=make.event())
    token = buyer_tokens.of(link.code)
    client = rows.test_client()
    # A mail server of the tests would write down what it hears.
    configure(mail_url=tmp_path.as_uri())
    with caplog.at_level(logging.DEBUG):
        send_due()
        for file in ("", "/tickets.pdf", "/event.ics", "/nothing"):
            client.get(f"/tickets/{token}{file}")
        client.post(f"/tickets/{token}")
    assert len(list(tmp_path.glob("*.eml"))) == 1
    said = caplog.text + "".join(capfd.readouterr())
    assert "Confirmation email sent to a***@example.org" in said
    assert token not in said
    assert token.partition(".")[2] not in said
