import re
from datetime import UTC, datetime

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.conftest import Configure
from tests.factories import Factories, paid
from tests.pages import Pages, soup, words
from tests.web.desk import desk_of
from tests.web.statements import statements, writing
from tests.web.test_checkout import in_state
from webapp.core.states import LinkState
from webapp.domain.messages import attention
from webapp.domain.payments import links, settlement
from webapp.domain.transaction import lock, transaction
from webapp.models import PaymentLink

STATES = ("DRAFT", "OPEN", "PAID", "REVIEW", "EXPIRED", "CANCELED", "REFUNDED")


@pytest.fixture
def desk(rows: Flask, make: Factories) -> Pages:
    """The shop's owner, signed in."""
    return desk_of(rows, make)


def titles(answer: TestResponse) -> list[str]:
    """Return the titles of the list, from the top."""
    return [one.get_text(strip=True) for one in soup(answer).select("tbody th a")]


def badges(answer: TestResponse) -> list[str]:
    """Return the states of the list, from the top."""
    return [one.get_text(strip=True) for one in soup(answer).select("tbody .badge")]


def poll(desk: Pages, query: str = "", etag: str | None = None) -> TestResponse:
    """Ask as the script does."""
    headers = {"HX-Request": "true"} | ({"If-None-Match": etag} if etag else {})
    return desk.client.get(f"/desk/links/rows{query}", headers=headers)


def test_the_newest_comes_first_with_all_that_one_looks_for(make: Factories, desk: Pages) -> None:
    make.link(title="First")
    newest = make.link(title="Second", buyer_email=None)
    answer = desk.get("/desk/links")
    assert titles(answer) == ["Second", "First"]
    said = words(answer)
    for expected in ("€25.00", "ada@example.org", "not known", newest.reference, "Open", "until"):
        assert expected in said
    link = soup(answer).select_one("tbody th a")
    assert link is not None
    assert link["href"] == f"/desk/links/{newest.reference}"


def test_times_are_those_of_the_merchants_zone(make: Factories, desk: Pages) -> None:
    link = make.link()
    make.change(link, created_at=datetime(2026, 7, 1, 22, 30, tzinfo=UTC))
    make.change(make.shop, timezone="Europe/Berlin")
    said = words(desk.get("/desk/links"))
    assert "2 Jul 2026, 00:30" in said
    assert "Times in Europe/Berlin." in said


def test_25_are_a_page_and_the_pager_leads_to_the_others(make: Factories, desk: Pages) -> None:
    make.open_links(60)
    shown: list[str] = []
    path = "/desk/links"
    for expected in (25, 25, 10):
        answer = desk.get(path)
        references = [str(one["href"]) for one in soup(answer).select("tbody th a")]
        assert len(references) == expected
        shown += references
        older = soup(answer).select_one("#older")
        path = str(older["href"]) if older else ""
    assert path == ""
    assert len(set(shown)) == 60
    back = soup(desk.get("/desk/links?page=3")).select_one("#newer")
    assert back is not None
    assert "page=2" in str(back["href"])


@pytest.mark.parametrize("page", ["0", "-1", "abc", "1e9", "99999999999999999999", "\0", ""])
def test_a_page_that_cannot_be_is_none_to_stumble_over(
    make: Factories, desk: Pages, page: str
) -> None:
    make.link()
    answer = desk.client.get("/desk/links", query_string={"page": page})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("tab", "shown"),
    [
        ("all", set(STATES)),
        ("open", {"OPEN"}),
        ("paid", {"PAID"}),
        ("review", {"REVIEW"}),
        ("ended", {"EXPIRED", "CANCELED", "REFUNDED"}),
        ("drafts", {"DRAFT"}),
        ("nonsense", set(STATES)),
    ],
)
def test_a_tab_shows_its_states(make: Factories, desk: Pages, tab: str, shown: set[str]) -> None:
    for state in STATES:
        link = make.draft() if state == "DRAFT" else in_state(make, state)
        make.change(link, title=state)
    answer = desk.get(f"/desk/links?tab={tab}")
    assert set(titles(answer)) == shown
    current = soup(answer).select(".tabs [aria-current=page]")
    assert len(current) == 1


def test_what_is_going_on_stands_on_top_of_the_state(make: Factories, desk: Pages) -> None:
    attempt = make.pending()
    assert badges(desk.get("/desk/links")) == ["Paying…"]
    links.cancel(make.shop, attempt.link.code, actor="test")
    assert badges(desk.get("/desk/links")) == ["Canceling…"]
    settlement.apply(attempt.reference, paid(attempt), actor="test")
    assert badges(desk.get("/desk/links")) == ["Paid"]


def test_a_paid_link_with_money_to_send_back_says_that_somebody_is_needed(
    make: Factories, desk: Pages
) -> None:
    link = in_state(make, "PAID")
    assert badges(desk.get("/desk/links")) == ["Paid"]
    with transaction():
        attention.raise_item(
            lock(PaymentLink, PaymentLink.id == link.id),
            "surplus",
            "It was paid twice.",
            actor="test",
            subject=link.reference,
        )
    assert badges(desk.get("/desk/links")) == ["Paid", "Needs you"]


def test_a_link_past_its_end_is_no_open_one(make: Factories, desk: Pages) -> None:
    make.overdue(make.link())
    assert badges(desk.get("/desk/links")) == ["Ending…"]
    make.overdue(make.draft())
    assert badges(desk.get("/desk/links"))[0] == "Draft"


def test_a_search_finds_by_reference_code_title_and_buyer(make: Factories, desk: Pages) -> None:
    wanted = make.link(
        title="Cello lesson", buyer_email="grace@example.org", buyer_name="Ada Lovelace"
    )
    make.link(title="Piano lesson")
    for sought in (
        wanted.reference,
        wanted.reference[4:9].lower(),
        wanted.code.lower(),
        "CELLO",
        "grace@",
        "lovelace",
        "  cello  ",
        "cello\n",
    ):
        answer = desk.client.get("/desk/links", query_string={"q": sought})
        assert titles(answer) == ["Cello lesson"], sought
    assert len(titles(desk.get("/desk/links?q=lesson"))) == 2
    assert titles(desk.get("/desk/links?q=lesson&tab=paid")) == []


@pytest.mark.parametrize("sought", ["%", "_", "\\", "'", "x" * 10_000, "ORD-%", "\0\0zz"])
def test_what_is_sought_is_text_and_no_pattern(make: Factories, desk: Pages, sought: str) -> None:
    make.link()
    answer = desk.client.get("/desk/links", query_string={"q": sought})
    assert answer.status_code == 200
    assert titles(answer) == []
    assert "Nothing found" in words(answer)


def test_a_search_is_kept_by_tabs_and_pages_and_shown_as_text(make: Factories, desk: Pages) -> None:
    make.open_links(30, title="<b>Söngs</b>")
    answer = desk.client.get("/desk/links", query_string={"q": "<b>Sö"})
    assert "<b>" not in answer.get_data(as_text=True)
    page = soup(answer)
    tab, older = page.select_one(".tabs a"), page.select_one("#older")
    typed, region = page.select_one("#q"), page.select_one("[data-poll]")
    assert tab is not None
    assert older is not None
    assert typed is not None
    assert region is not None
    assert typed["value"] == "<b>Sö"
    for place in (tab["href"], older["href"], region["hx-get"]):
        assert "q=%3Cb%3ES%C3%B6" in str(place)
    assert len(titles(desk.client.get(str(older["href"])))) == 5


def test_who_has_no_link_yet_is_led_to_the_first_one(make: Factories, desk: Pages) -> None:
    Factories().link()
    answer = desk.get("/desk/links")
    assert "No payment links yet" in words(answer)
    first = soup(answer).select_one("#first-link")
    assert first is not None
    assert first["href"] == "/desk/links/new"
    make.link()
    assert "Nothing found" in words(desk.get("/desk/links?tab=paid"))


def test_a_list_holds_ones_own_links_only(make: Factories, desk: Pages) -> None:
    make.link(title="Mine")
    other = Factories()
    theirs = other.link(title="Theirs", buyer_email="eve@example.org")
    assert titles(desk.get("/desk/links")) == ["Mine"]
    for sought in (theirs.reference, theirs.code, "Theirs", "eve@example.org"):
        for path in ("/desk/links", "/desk/links/rows"):
            answer = desk.client.get(path, query_string={"q": sought})
            assert titles(answer) == []
            assert "€25.00" not in words(answer)


def test_the_page_and_its_poll_show_the_same_rows_under_the_same_tag(
    make: Factories, desk: Pages
) -> None:
    make.open_links(30)
    for query in ("", "?tab=open&page=2", "?q=nothing", "?tab=drafts"):
        html = desk.get(f"/desk/links{query}").get_data(as_text=True)
        region = soup(desk.get(f"/desk/links{query}")).select_one("[data-poll]")
        assert region is not None
        answer = desk.client.get(str(region["hx-get"]), headers={"HX-Request": "true"})
        assert answer.status_code == 200
        assert answer.get_data(as_text=True).strip() in html
        assert region["data-etag"] == answer.headers["ETag"]
        root = soup(answer).find()
        assert root is not None
        assert "data-status" in root.attrs


def test_a_poll_says_nothing_new_until_something_is(make: Factories, desk: Pages) -> None:
    attempt = make.pending()
    first = poll(desk)
    tag = first.headers["ETag"]
    for asked in (tag, f"W/{tag}"):
        again = poll(desk, etag=asked)
        assert (again.status_code, again.get_data()) == (304, b"")
        assert again.headers["ETag"] == tag
        assert again.headers["X-Poll-After"] == "3"
        assert again.headers["Cache-Control"] == "no-store"
        assert "Set-Cookie" not in again.headers
    settlement.apply(attempt.reference, paid(attempt), actor="test")
    news = poll(desk, etag=tag)
    assert (news.status_code, badges(news)) == (200, ["Paid"])
    make.link(title="One more")
    assert titles(poll(desk, etag=news.headers["ETag"]))[0] == "One more"


def test_the_pace_is_a_setting(make: Factories, desk: Pages, configure: Configure) -> None:
    configure(desk_poll_s=7.5)
    assert poll(desk).headers["X-Poll-After"] == "7.5"
    region = soup(desk.get("/desk/links")).select_one("[data-poll]")
    assert region is not None
    assert region["data-poll-after"] == "7.5"


def test_looking_and_polling_change_no_row(make: Factories, desk: Pages) -> None:
    make.pending()
    desk.get("/desk/links")
    with statements() as seen:
        desk.get("/desk/links?q=x&tab=open")
        poll(desk)
        poll(desk, "?tab=paid&page=2")
    assert seen
    assert writing(seen) == []


def test_a_state_moved_past_all_rules_is_news_too(make: Factories, desk: Pages) -> None:
    link = make.link()
    tag = poll(desk).headers["ETag"]
    make.change(link, state=LinkState.REVIEW)
    assert badges(poll(desk, etag=tag)) == ["In review"]


def test_the_fragment_holds_no_field(make: Factories, desk: Pages) -> None:
    make.link()
    body = poll(desk).get_data(as_text=True)
    assert not re.search("<(input|select|textarea|form)", body)
