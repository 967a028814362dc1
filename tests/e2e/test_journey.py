"""The whole way of a newcomer: from signing in to tickets that open a door, in a real browser."""

import io
import re
from collections.abc import Iterator
from email.message import EmailMessage

import pypdfium2
import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

from tests.chromium import Console
from tests.e2e.conftest import Place, eventually
from webapp.core import ticket_code
from webapp.core.ticket_code import TicketSigner
from webapp.domain.desk import demo

pytestmark = [pytest.mark.browser, pytest.mark.stack, pytest.mark.xdist_group("place")]

PATIENCE_MS = 60_000


@pytest.fixture(params=[True, False], ids=["with JavaScript", "without JavaScript"])
def newcomer(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Page]:
    """A fresh browser; a complaint in its console fails the test."""
    context = browser.new_context(java_script_enabled=request.param)
    context.set_default_timeout(10_000)
    console = Console()
    console.watch(context)
    yield context.new_page()
    context.close()
    assert console.unexpected() == []


def test_a_newcomer_makes_a_link_pays_it_and_opens_tickets_that_verify(
    place: Place, newcomer: Page
) -> None:
    page = newcomer
    address = make_link(place, page)
    at_desk = page.url
    reference = at_desk.rpartition("/")[2]

    page.goto(address)
    page.get_by_role("button", name="Pay €25.00").click()
    page.get_by_role("button", name="Pay", exact=True).click()
    expect(page.get_by_text("Paid", exact=True)).to_be_visible(timeout=PATIENCE_MS)
    expect(page).to_have_url(f"{address}/success")
    expect(page.get_by_text("2 tickets made · email delivered")).to_be_visible(timeout=PATIENCE_MS)

    page.get_by_role("link", name="Open your tickets").click()
    expect(page.get_by_role("heading", name="Your tickets")).to_be_visible()
    pictures = page.get_by_role("img", name=re.compile("QR code"))
    on_page = [read(shot(picture)) for picture in pictures.all()]
    (message,) = eventually(lambda: place.mail(reference))
    in_email = [read(Image.open(io.BytesIO(part))) for part in parts(message, "image/png")]
    (printed,) = parts(message, "application/pdf")
    in_pdf = [read(sheet.render(scale=3).to_pil()) for sheet in pypdfium2.PdfDocument(printed)]
    assert on_page == in_email == in_pdf
    signer = TicketSigner.from_text(place.stack.settings["TICKET_SIGNING_KEY"])
    claims = [ticket_code.verify(code, signer.public_keys) for code in on_page]
    assert [claim.serial for claim in claims if claim] == [f"{reference}-1", f"{reference}-2"]

    page.goto(at_desk)
    expect(page.locator("main").get_by_text("Paid", exact=True).first).to_be_visible()


def make_link(place: Place, page: Page) -> str:
    """Sign in at the desk, make an open link of 25.00 with two tickets, return its address."""
    page.goto(f"{place.stack.url}/desk")
    page.get_by_label("Email address").fill(demo.OWNER)
    page.get_by_label("Password").fill(demo.PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name="Make a link").click()
    page.get_by_label("What it is for").fill("Two tickets")
    page.get_by_label("Amount").fill("25")
    page.get_by_label("Buyer's email address").fill("ada@buyers.example")
    page.get_by_label("Tickets").fill("2")
    page.get_by_role("button", name="Make and open").click()
    shown = page.get_by_role("link", name=f"{place.stack.url}/pay/")
    return str(shown.get_attribute("href"))


def parts(message: EmailMessage, kind: str) -> list[bytes]:
    """Return the contents of the message's parts of one kind."""
    return [part.get_content() for part in message.walk() if part.get_content_type() == kind]


def shot(picture: Locator) -> Image.Image:
    """Return a picture as it stands on the screen."""
    return Image.open(io.BytesIO(picture.screenshot()))


def read(image: Image.Image) -> str:
    """Return the text of the one QR code in an image, as a scanner reads it."""
    (found,) = zxingcpp.read_barcodes(image)
    return str(found.text)
