"""A script on a merchant's own website reads how a payment stands, in a real browser."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page
from werkzeug.serving import make_server
from werkzeug.wrappers import Response

from tests.chromium import Console
from tests.factories import Factories
from webapp.models import PaymentLink

pytestmark = pytest.mark.browser

ASK = """async ([path, options]) => {
  try {
    const answer = await fetch(path, options);
    return {
      status: answer.status,
      etag: answer.headers.get("ETag"),
      after: answer.headers.get("X-Poll-After"),
      said: answer.status === 304 ? null : (await answer.json()).data.currentStatus,
    };
  } catch (error) { return error.name; }
}"""


@pytest.fixture
def shop(context: BrowserContext) -> Iterator[Page]:
    """A page of a website of the merchant's own."""
    server = make_server("127.0.0.1", 0, Response("<title>Shop</title>", mimetype="text/html"))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    page = context.new_page()
    page.goto(f"http://localhost:{server.port}/")
    yield page
    server.shutdown()
    thread.join()
    server.server_close()


def origin(page: Page) -> str:
    return str(page.evaluate("origin"))


def ask(page: Page, path: str, **options: Any) -> Any:
    return page.evaluate(ASK, [path, options])


def address(site: str, link: PaymentLink, what: str) -> str:
    return f"{site}/api/payment-links/{link.code}/{what}"


def test_a_script_of_the_merchants_website_polls_and_refreshes(
    make: Factories, site: str, shop: Page
) -> None:
    link = make.pending().link
    make.change(make.shop, sites=[origin(shop)])
    first = ask(shop, address(site, link, "status"))
    assert (first["status"], first["said"], first["after"]) == (200, "OPEN", "3")
    # With this header of its own the browser asks beforehand whether it may, and hands on the 304.
    again = ask(shop, address(site, link, "status"), headers={"If-None-Match": first["etag"]})
    assert again == {"status": 304, "etag": first["etag"], "after": "3", "said": None}
    refreshed = ask(shop, address(site, link, "refresh"), method="POST")
    assert (refreshed["status"], refreshed["said"]) == (202, "OPEN")


def test_a_script_of_any_other_website_is_shown_nothing(
    make: Factories, site: str, shop: Page, console: Console
) -> None:
    console.expect("CORS policy")
    console.expect("ERR_FAILED")
    console.expect("404")  # that website has no icon
    link = make.link()
    make.change(make.shop, sites=["https://shop.example"])
    assert ask(shop, address(site, link, "status")) == "TypeError"
    headers = {"If-None-Match": '"1.dev"'}
    assert ask(shop, address(site, link, "status"), headers=headers) == "TypeError"
    assert ask(shop, address(site, link, "refresh"), method="POST") == "TypeError"
