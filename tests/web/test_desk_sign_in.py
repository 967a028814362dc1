import re
from urllib.parse import quote

import pytest
from flask import Flask

from tests.conftest import Configure
from tests.domain.side_by_side import every_turn_taken
from tests.factories import Factories
from tests.pages import Pages, soup, words
from tests.web.desk import PASSWORD, desk_of, sign_in, token_of, user_of
from tests.web.statements import statements
from webapp.config import Settings
from webapp.domain.desk import passwords, users
from webapp.domain.transaction import transaction
from webapp.extensions import db, queue_redis
from webapp.factory import create_app
from webapp.models import User

WRONG = "The address or the password is not right."

# Every address of the desk that is only read, as the routes have it.
READ = [
    "/desk",
    "/desk/links",
    "/desk/links/rows",
    "/desk/links/new",
    "/desk/links/ORD-1",
    "/desk/links/ORD-1/panel",
    "/desk/links/ORD-1/qr.png",
    "/desk/links/ORD-1/open",
    "/desk/links/ORD-1/cancel",
    "/desk/links/ORD-1/review",
    "/desk/links/ORD-1/send",
    "/desk/links/ORD-1/refund",
    "/desk/links/ORD-1/note",
    "/desk/links/ORD-1/looked-after",
    "/desk/account",
    "/desk/account/connect/sumup",
    "/desk/account/1/replace",
    "/desk/account/1/disconnect",
    "/desk/account/sumup/callback",
    "/desk/account/sumup/choose",
    "/desk/keys",
    "/desk/keys/abcdefghjk/revoke",
    "/desk/sites",
]

_NAMES = {
    "<reference>": "ORD-1",
    "<account>": "1",
    "<provider>": "sumup",
    "<prefix>": "abcdefghjk",
}


def _named(rule: str) -> str:
    for name, value in _NAMES.items():
        rule = rule.replace(name, value)
    return rule


def test_these_are_all_the_pages_of_the_desk(app: Flask) -> None:
    found = {
        _named(rule.rule)
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/desk") and "GET" in (rule.methods or set())
    }
    assert found - {"/desk/sign-in"} == set(READ)


def test_an_owner_signs_in_and_sees_the_links_and_signs_out_again(
    make: Factories, pages: Pages
) -> None:
    owner = user_of(make.shop)
    answer = sign_in(pages, owner.email.upper())
    assert (answer.status_code, answer.location) == (303, "/desk/links")
    shown = pages.get("/desk/links")
    assert shown.status_code == 200
    assert make.shop.name in words(shown)
    assert pages.get("/desk/sign-in").location == "/desk/links"
    out = pages.client.post("/desk/sign-out", data={"csrf_token": token_of(pages)})
    assert (out.status_code, out.location) == (303, "/desk/sign-in")
    assert pages.get("/desk/links").status_code == 303


@pytest.mark.parametrize("email", ["owner@{}.example", "nobody@{}.example", "nobody", ""])
def test_what_was_wrong_is_not_said_and_the_address_stays(
    make: Factories, pages: Pages, email: str
) -> None:
    user_of(make.shop)
    address = email.format(make.shop.slug)
    answer = sign_in(pages, address, "wrong password")
    assert answer.status_code == 422
    assert WRONG in words(answer)
    page = soup(answer)
    typed, password = page.select_one("#email"), page.select_one("#password")
    assert typed is not None
    assert password is not None
    assert typed.get("value", "") == address
    assert not password.get("value")
    assert "wrong password" not in answer.get_data(as_text=True)
    assert pages.get("/desk/links").status_code == 303


def test_password_managers_know_the_fields(pages: Pages) -> None:
    page = soup(pages.get("/desk/sign-in"))
    marks = {field["name"]: field.get("autocomplete") for field in page.select("input[id]")}
    assert marks == {"email": "username", "password": "current-password"}
    assert not page.select("[onpaste], [maxlength], [readonly]")


@pytest.mark.parametrize("path", READ)
def test_a_stranger_is_asked_who_it_is_and_led_on_afterwards(
    make: Factories, pages: Pages, path: str
) -> None:
    answer = pages.get(f"{path}?tab=paid")
    assert answer.status_code == 303
    assert answer.location == f"/desk/sign-in?next={quote(f'{path}?tab=paid', safe='')}"
    assert answer.headers["Cache-Control"] == "no-store"
    page = soup(pages.get(answer.location))
    carried = page.select_one("input[name=next]")
    assert carried is not None
    owner = user_of(make.shop)
    led = sign_in(pages, owner.email, next=str(carried["value"]))
    assert led.location == ("/desk/links" if path.endswith(".png") else f"{path}?tab=paid")


@pytest.mark.parametrize("path", READ)
def test_a_poll_without_a_session_is_told_so_and_not_sent_elsewhere(
    pages: Pages, path: str
) -> None:
    answer = pages.client.get(path, headers={"HX-Request": "true"})
    assert answer.status_code == 401
    assert "X-Poll-After" not in answer.headers


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/desk",
        "//evil.example/desk",
        "/\\evil.example",
        "/desk/../pay/AAAAAAAA",
        "/desk/%2e%2e/pay/AAAAAAAA",
        "/deskevil",
        "/pay/AAAAAAAA",
        "/desk/links\nSet-Cookie: a=b",
        "/desk//evil.example",
        "/desk?next=\\\\evil.example",
        "javascript:alert(1)",
        "",
    ],
)
def test_signing_in_leads_nowhere_but_to_the_desk(
    make: Factories, pages: Pages, elsewhere: str
) -> None:
    owner = user_of(make.shop)
    assert sign_in(pages, owner.email, next=elsewhere).location == "/desk/links"
    shown = pages.client.get("/desk/sign-in", query_string={"next": elsewhere})
    assert (shown.status_code, shown.location) == (303, "/desk/links")


@pytest.mark.parametrize("path", READ)
@pytest.mark.parametrize("who", ["scanner", "operator"])
def test_whom_the_desk_is_not_for_is_told_so_in_plain_words(
    make: Factories, pages: Pages, path: str, who: str
) -> None:
    user = user_of(make.shop, role="scanner")
    if who == "operator":
        make.change(user, merchant_id=None, role=None, is_operator=True)
    assert sign_in(pages, user.email).status_code == 303
    answer = pages.get(path)
    assert answer.status_code == 403
    said = words(answer)
    assert "at the door" in said if who == "scanner" else "runs this place" in said
    assert "Sign out" in said
    assert answer.headers["Cache-Control"] == "no-store"


def test_an_operator_who_also_belongs_to_a_merchant_is_at_its_desk(
    make: Factories, pages: Pages
) -> None:
    user = user_of(make.shop, role="staff")
    make.change(user, is_operator=True)
    sign_in(pages, user.email)
    assert pages.get("/desk/links").status_code == 200


def test_a_session_dies_with_its_password(make: Factories, rows: Flask) -> None:
    desk = desk_of(rows, make)
    assert desk.get("/desk/links").status_code == 200
    owner = db.session.query(User).one()
    users.set_password(owner.email, "another one altogether")
    assert desk.get("/desk/links").status_code == 303


def test_a_session_that_was_copied_dies_with_the_sign_out(make: Factories, rows: Flask) -> None:
    desk = desk_of(rows, make)
    copied = desk.client.get_cookie("session")
    assert copied is not None
    desk.client.post("/desk/sign-out", data={"csrf_token": token_of(desk)})
    thief = Pages(rows)
    thief.client.set_cookie("session", copied.value)
    assert thief.get("/desk/links").status_code == 303
    assert sign_in(desk, db.session.query(User).one().email).status_code == 303
    assert desk.get("/desk/links").status_code == 200


def test_a_session_dies_with_its_user(make: Factories, rows: Flask) -> None:
    desk = desk_of(rows, make)
    with transaction():
        db.session.delete(db.session.query(User).one())
    assert desk.get("/desk/links").status_code == 303


def test_signing_in_begins_a_session_that_holds_nothing_of_the_one_before(
    make: Factories, pages: Pages
) -> None:
    owner = user_of(make.shop)
    with pages.client.session_transaction() as before:
        before["planted"] = "by somebody else"
    token = str(soup(pages.get("/desk/sign-in")).select_one("input[name=csrf_token]")["value"])  # type: ignore[index]
    sign_in(pages, owner.email)
    with pages.client.session_transaction() as after:
        assert "planted" not in after
    stale = pages.client.post("/desk/sign-out", data={"csrf_token": token})
    assert stale.status_code == 400
    assert pages.get("/desk/links").status_code == 200


def test_a_forged_session_opens_nothing(make: Factories, rows: Flask) -> None:
    owner = user_of(make.shop)
    for forged in (f"{owner.id}.", f"{owner.id}.{'0' * 32}", f"{owner.id}", "0.", f"{10**9}.x"):
        pages = Pages(rows)
        with pages.client.session_transaction() as session:
            session["_user_id"] = forged
        assert pages.get("/desk/links").status_code == 303


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_cookie_is_for_this_site_only_and_out_of_reach_of_scripts(
    settings: Settings, scheme: str
) -> None:
    app = create_app(
        Settings.model_validate(settings.model_dump() | {"base_url": f"{scheme}://pay.example"})
    )
    answer = app.test_client().get("/desk/sign-in", base_url=f"{scheme}://pay.example")
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert ("Secure" in cookie) == (scheme == "https")
    assert not re.search("expires|max-age", cookie, re.IGNORECASE), "it ends with the browser"
    with app.app_context():
        queue_redis.close()


def test_a_buyers_poll_asks_nobody_who_is_signed_in(make: Factories, rows: Flask) -> None:
    desk = desk_of(rows, make)
    link = make.link()
    with statements() as seen:
        answer = desk.client.get(f"/pay/{link.code}/status?on=pay")
    assert answer.status_code == 200
    assert answer.headers["Vary"] == "HX-Request"
    assert not [one for one in seen if "user_account" in one]


def test_a_wrong_password_sent_a_thousand_times_long_is_refused_like_any_other(
    make: Factories, pages: Pages
) -> None:
    owner = user_of(make.shop)
    assert sign_in(pages, owner.email, PASSWORD * 1_000).status_code == 422


def test_guessing_ends_with_a_page_that_says_how_long_to_wait(
    make: Factories, pages: Pages, configure: Configure
) -> None:
    configure(sign_in_tries=2)
    owner = user_of(make.shop)
    for _ in range(2):
        assert sign_in(pages, owner.email, "wrong password").status_code == 422
    answer = sign_in(pages, owner.email, PASSWORD)
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 900
    assert "Too many tries. Wait 15 minutes." in words(answer)
    typed = soup(answer).select_one("#email")
    assert typed is not None
    assert typed["value"] == owner.email
    assert pages.get("/desk/links").status_code == 303


@pytest.mark.parametrize(("scheme", "is_told_apart"), [("https", True), ("http", False)])
def test_behind_a_proxy_a_client_is_who_came_to_it_and_else_nobody_is_believed(
    make: Factories, pages: Pages, configure: Configure, scheme: str, is_told_apart: bool
) -> None:
    configure(sign_in_tries_per_address=1, base_url=f"{scheme}://pay.example")
    token = str(soup(pages.get("/desk/sign-in")).select_one("input[name=csrf_token]")["value"])  # type: ignore[index]

    def guess(number: int, forwarded: str) -> int:
        return pages.client.post(
            "/desk/sign-in",
            data={"csrf_token": token, "email": f"n{number}@x.example", "password": "wrong one"},
            headers={"X-Forwarded-For": forwarded},
        ).status_code

    assert guess(1, "192.0.2.1") == 422
    assert guess(2, "192.0.2.9, 192.0.2.1") == 429, "what a client wrote itself is not believed"
    assert guess(3, "192.0.2.2") == (422 if is_told_apart else 429)


def test_when_too_many_sign_in_at_once_the_page_says_when_to_come_back(
    make: Factories, pages: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = user_of(make.shop)
    monkeypatch.setattr(passwords, "_PATIENCE_S", 0.05)
    with every_turn_taken():
        answer = sign_in(pages, owner.email)
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert sign_in(pages, owner.email).status_code == 303
