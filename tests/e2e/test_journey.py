import io

import pypdfium2
import pytest
import zxingcpp
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import Place, eventually
from webapp.core import ticket_code
from webapp.core.ticket_code import TicketSigner

pytestmark = [pytest.mark.browser, pytest.mark.stack, pytest.mark.xdist_group("place")]


def test_a_buyer_pays_at_the_bank_and_receives_tickets_that_verify(
    place: Place, page: Page
) -> None:
    code = place.link()
    page.goto(f"{place.stack.url}/pay/{code}")
    page.get_by_role("button", name="Pay €25.00").click()
    page.get_by_role("button", name="Pay", exact=True).click()
    expect(page.get_by_text("Paid", exact=True)).to_be_visible(timeout=60_000)
    expect(page).to_have_url(f"{place.stack.url}/pay/{code}/success")
    expect(page.get_by_text("2 tickets made · email delivered")).to_be_visible(timeout=60_000)
    _check_tickets(place, code)


def test_the_same_journey_works_without_javascript(place: Place, browser: Browser) -> None:
    code = place.link()
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{place.stack.url}/pay/{code}")
    page.get_by_role("button", name="Pay €25.00").click()
    page.get_by_role("button", name="Pay", exact=True).click()
    expect(page.get_by_text("Paid", exact=True)).to_be_visible(timeout=60_000)
    _check_tickets(place, code)
    context.close()


def _check_tickets(place: Place, code: str) -> None:
    reference = place.flask("links", "show", code).split()[0]
    messages = eventually(lambda: place.mail(reference))
    assert len(messages) == 1
    signer = TicketSigner.from_text(place.stack.settings["TICKET_SIGNING_KEY"])
    (printed,) = (
        part
        for part in messages[0].iter_attachments()
        if part.get_content_type() == "application/pdf"
    )
    document = pypdfium2.PdfDocument(io.BytesIO(printed.get_content()))
    claims = []
    for sheet in document:
        (found,) = zxingcpp.read_barcodes(sheet.render(scale=3).to_pil())
        claims.append(ticket_code.verify(found.text, signer.public_keys))
    assert [claim.serial for claim in claims if claim] == [f"{reference}-1", f"{reference}-2"]
