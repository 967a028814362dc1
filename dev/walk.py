"""Every page that a person can see, on a running stack: for the screenshots and for the tests."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from playwright.sync_api import Page

from dev.office import SLUG, Office
from dev.stack import Stack
from webapp.core.money import Money
from webapp.domain.desk import demo, merchants
from webapp.domain.payments import links

_PAY = re.compile(r"http://\S+/pay/(\w+)")

# The worker prints and sends while we look.
_LOOKS: Final = 100
_LOOK_AGAIN_MS: Final = 200
# The worker asks the bank what became of a payment.
_VERDICT_MS: Final = 30_000

Visit = Callable[["Walk", Page], None]


@dataclass
class Walk:
    """A stack with the demo's examples, and the codes of their links."""

    stack: Stack
    office: Office
    payable: str
    codes: Mapping[str, str]
    open_to_all: str

    @classmethod
    def through(cls, stack: Stack, office: Office) -> "Walk":
        """Look up the examples of this stack in its books.

        Raises:
            ValueError: the stack was not started with its examples.
        """
        payable = _PAY.search(stack.seeded)
        if payable is None:
            raise ValueError("the stack has no examples")
        examples = ("TEST-001", "DEMO-PAID", "DEMO-REVIEW", "DEMO-EXPIRED", "DEMO-CANCELED")
        with office.app.app_context():
            merchant = merchants.get(SLUG)
            codes = {reference: links.get(merchant, reference).code for reference in examples}
        return cls(stack, office, payable[1], codes, _new_link(office))

    def new_link(self) -> str:
        """Make an open link whose buyer's address is known, and return its code."""
        return _new_link(self.office, buyer_email="ada@buyers.example")

    def goto(self, page: Page, path: str) -> None:
        """Open an address of the payment page."""
        page.goto(f"{self.stack.url}{path}")


def _new_link(office: Office, buyer_email: str | None = None) -> str:
    order = links.Order(title="Song book", money=Money(1850, "EUR"), buyer_email=buyer_email)
    with office.app.app_context():
        merchant = merchants.get(SLUG)
        made = links.make(merchant, order, actor="office")
        return links.open_(merchant, made.reference, actor="office").code


def _declined(times: int) -> Visit:
    """Have the bank refuse the payment of a new link, and each one that is tried after it."""

    def visit(walk: Walk, page: Page) -> None:
        here = f"/pay/{walk.new_link()}"
        walk.goto(page, here)
        for _ in range(times):
            page.locator("[data-pay] button").click()
            page.get_by_role("button", name="Decline").click()
            page.wait_for_url(f"{walk.stack.url}{here}", timeout=_VERDICT_MS)

    return visit


def _at(path: str) -> Visit:
    return lambda walk, page: walk.goto(page, path)


def _example(reference: str, page_name: str) -> Visit:
    return lambda walk, page: walk.goto(page, f"/pay/{walk.codes[reference]}/{page_name}")


def _wrong_address(walk: Walk, page: Page) -> None:
    walk.goto(page, f"/pay/{walk.open_to_all}")
    page.get_by_label("Your email address").fill("nobody@nowhere")
    page.get_by_role("button", name="Pay").click()
    page.locator("#email-error").wait_for()


def _message(walk: Walk, page: Page) -> None:
    """Open the email of the paid example, once the worker has sent it."""
    brought = page.get_by_role("link", name="Your 2 tickets for")
    for _ in range(_LOOKS):
        walk.goto(page, "/dev/mail")
        if brought.count():
            break
        page.wait_for_timeout(_LOOK_AGAIN_MS)
    brought.first.click()
    page.locator("pre").wait_for()


def _tickets(walk: Walk, page: Page) -> None:
    _message(walk, page)
    page.locator("pre").get_by_role("link").first.click()
    page.get_by_role("heading", name="Your tickets").wait_for()


def _desk(path: str) -> Visit:
    def visit(walk: Walk, page: Page) -> None:
        walk.goto(page, path)
        if page.get_by_role("heading", name="Sign in").count():
            page.get_by_label("Email").fill(demo.OWNER)
            page.get_by_label("Password").fill(demo.PASSWORD)
            page.get_by_role("button", name="Sign in").click()
            page.locator("body.desk").wait_for()

    return visit


def _wrong_sign_in(walk: Walk, page: Page) -> None:
    walk.goto(page, "/desk/sign-in")
    page.get_by_label("Email").fill(demo.OWNER)
    page.get_by_label("Password").fill("not this one")
    page.get_by_role("button", name="Sign in").click()
    page.locator("#errors").wait_for()


def _wrong_link(walk: Walk, page: Page) -> None:
    _desk("/desk/links/new")(walk, page)
    page.get_by_label("What it is for").fill("A song book")
    page.get_by_label("Amount", exact=False).first.fill("1.999")
    page.get_by_role("button", name="Make and open").click()
    page.locator("#errors").wait_for()


def _refund(walk: Walk, page: Page) -> None:
    _desk("/desk/links/DEMO-PAID")(walk, page)
    page.get_by_role("link", name="Refund…").first.click()
    page.get_by_label("Reason").wait_for()


def _wrong_refund(walk: Walk, page: Page) -> None:
    _refund(walk, page)
    page.get_by_label("Amount", exact=False).first.fill("2500")
    page.get_by_label("Reason").fill("The evening was canceled")
    page.locator("form[method=post] button[type=submit]").last.click()
    page.locator("#errors").wait_for()


# The name of each page, as its screenshot is called, and how one gets there.
PAGES: Final[Mapping[str, Visit]] = {
    "pay": lambda walk, page: walk.goto(page, f"/pay/{walk.payable}"),
    "pay-asks-for-address": lambda walk, page: walk.goto(page, f"/pay/{walk.open_to_all}"),
    "pay-wrong-address": _wrong_address,
    "pay-declined": _declined(1),
    "pay-retries-exhausted": _declined(3),
    "processing": _example("TEST-001", "processing"),
    "elsewhere": _example("TEST-001", "continue"),
    "success": _example("DEMO-PAID", "success"),
    "review": _example("DEMO-REVIEW", "review"),
    "expired": _example("DEMO-EXPIRED", "expired"),
    "stopped-checking": lambda walk, page: walk.goto(page, f"/pay/{walk.payable}/expired"),
    "canceled": _example("DEMO-CANCELED", "canceled"),
    "tickets": _tickets,
    "mail": _at("/dev/mail"),
    "message": _message,
    "not-found": _at("/pay/ZZZZZZZZ"),
    "desk-sign-in": _at("/desk/sign-in"),
    "desk-sign-in-wrong": _wrong_sign_in,
    "desk-links": _desk("/desk/links"),
    "desk-links-nothing-found": _desk("/desk/links?q=nobody"),
    "desk-make": _desk("/desk/links/new"),
    "desk-make-wrong": _wrong_link,
    "desk-link-paid": _desk("/desk/links/DEMO-PAID"),
    "desk-link-draft": _desk("/desk/links/DEMO-DRAFT"),
    "desk-link-waiting": _desk("/desk/links/TEST-001"),
    "desk-link-review": _desk("/desk/links/DEMO-REVIEW"),
    "desk-review": _desk("/desk/links/DEMO-REVIEW/review"),
    "desk-cancel": _desk("/desk/links/DEMO-DRAFT/cancel"),
    "desk-refund": _refund,
    "desk-refund-wrong": _wrong_refund,
    "desk-keys": _desk("/desk/keys"),
    "desk-sites": _desk("/desk/sites"),
    "desk-account": _desk("/desk/account"),
    "desk-account-sumup": _desk("/desk/account/connect/sumup"),
    "desk-account-stripe": _desk("/desk/account/connect/stripe"),
}
