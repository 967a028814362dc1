"""A buyer's browser at a link: its cookie, its forms, and what its pages say."""

from werkzeug.test import TestResponse

from tests.factories import Factories
from tests.pages import Pages, soup, words
from webapp.models import PaymentAttempt, PaymentLink


def token_of(pages: Pages, link: PaymentLink) -> str:
    """Open the pay page; return the token that this browser has at the link."""
    pages.get(f"/pay/{link.code}")
    cookie = pages.client.get_cookie("sitting", path=f"/pay/{link.code}")
    assert cookie is not None
    return str(cookie.value)


def begun(make: Factories, pages: Pages, link: PaymentLink | None = None) -> PaymentAttempt:
    """Return a payment that was begun in this browser, and whose checkout is open."""
    link = link or make.link()
    return make.pending(link, token=token_of(pages, link))


def asked(make: Factories, pages: Pages, link: PaymentLink | None = None) -> PaymentAttempt:
    """Return a payment that was begun in this browser, and of which the provider says nothing."""
    link = link or make.link()
    return make.created(link, token=token_of(pages, link))


def offered(answer: TestResponse) -> list[str]:
    """Return the labels of the forms that this page shows for what the fragment offers."""
    shown = soup(answer).select("form[data-poll-when]:not([hidden]) button")
    return [button.get_text(strip=True) for button in shown]


def page(pages: Pages, link: PaymentLink, name: str = "processing") -> TestResponse:
    """Open a page of the link, which must be the one that is shown now."""
    answer = pages.get(f"/pay/{link.code}" if name == "pay" else f"/pay/{link.code}/{name}")
    assert answer.status_code == 200, answer.location
    return answer


def press(pages: Pages, link: PaymentLink, what: str) -> TestResponse:
    """Send one of the link's forms, shown or not, as this browser would; an empty name is "Pay"."""
    from_page = pages.get(f"/pay/{link.code}")
    if from_page.status_code == 303:
        from_page = pages.get(from_page.location)
    token = soup(from_page).select_one("input[name=csrf_token]")
    assert token is not None
    path = f"/pay/{link.code}/{what}" if what else f"/pay/{link.code}"
    return pages.client.post(path, data={"csrf_token": str(token["value"])})


def fragment(pages: Pages, link: PaymentLink, on: str = "processing") -> str:
    """Return what a poll of this page says."""
    return words(pages.get(f"/pay/{link.code}/status?on={on}", HX_Request="true"))
