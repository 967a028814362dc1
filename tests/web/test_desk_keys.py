"""The page for programs: keys shown once and revoked, and the merchant's websites."""

import re

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.factories import Factories, everything, fresh
from tests.pages import Pages, soup, words
from tests.web.desk import desk_of, send, sign_in, user_of
from webapp.domain.desk import api_keys
from webapp.models import ApiKey

KEY = re.compile(r"tgk_[a-z0-9]{10}_[A-Za-z0-9_-]{43}")


@pytest.fixture
def desk(rows: Flask, make: Factories) -> Pages:
    return desk_of(rows, make)


def made(answer: TestResponse) -> str:
    """Return the key that a page shows."""
    shown = soup(answer).select_one("[data-key]")
    assert shown is not None
    return shown.get_text(strip=True)


def test_a_key_is_shown_once_and_works(desk: Pages, rows: Flask) -> None:
    assert "No key was made yet" in words(desk.get("/desk/keys"))
    answer = desk.post("/desk/keys", name="Shop & <b>till</b>")
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    said = made(answer)
    assert KEY.fullmatch(said)
    button = soup(answer).select_one("button[data-copy]")
    assert button is not None
    assert button["data-copy"] == said
    program = rows.test_client()
    headers = {"Authorization": f"Bearer {said}"}
    assert program.get("/api/payments/sessions/active", headers=headers).status_code == 200
    (key,) = everything(ApiKey)
    page = desk.get("/desk/keys")
    assert not KEY.search(page.get_data(as_text=True))
    assert f"tgk_{key.prefix}" in words(page)
    assert "Shop & <b>till</b>" in words(page)
    assert "by Olga Owner" in words(page)


@pytest.mark.parametrize("name", ["", " ", "x" * 61])
def test_a_wrong_name_is_said_at_its_field(desk: Pages, name: str) -> None:
    answer = desk.post("/desk/keys", name=name)
    assert answer.status_code == 422
    assert soup(answer).select_one("#name-error")
    assert everything(ApiKey) == []


def test_with_too_many_keys_the_form_says_what_to_do(
    desk: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_keys, "MAX_KEYS", 1)
    assert desk.post("/desk/keys", name="One").status_code == 200
    answer = desk.post("/desk/keys", name="Two")
    assert answer.status_code == 422
    assert "revoke one first" in words(answer)


def test_a_key_is_revoked_after_a_question(desk: Pages, make: Factories) -> None:
    key, said = api_keys.make(make.shop, "Old shop", made_by="cli")
    ask = f"/desk/keys/{key.prefix}/revoke"
    assert "Revoke Old shop?" in words(desk.get(ask))
    assert api_keys.of(said) is not None
    assert desk.post(ask).status_code == 303
    assert api_keys.of(said) is None
    page = words(desk.get("/desk/keys"))
    assert "by the operator" in page
    assert "Revoked" in page
    assert desk.get(ask).status_code == 303
    assert soup(desk.get("/desk/keys")).select("a[href$=revoke]") == []


def test_staff_may_and_scanners_may_not(rows: Flask, make: Factories) -> None:
    for role, status in (("staff", 200), ("scanner", 403)):
        pages = Pages(rows)
        sign_in(pages, user_of(make.shop, role=role).email)
        assert pages.get("/desk/keys").status_code == status
        assert pages.get("/desk/sites").status_code == status


def test_another_merchants_keys_and_websites_are_not_there(rows: Flask, make: Factories) -> None:
    key, said = api_keys.make(make.shop, "Old shop", made_by="cli")
    make.change(make.shop, sites=["https://shop.example"])
    stranger = desk_of(rows, make, make.merchant())
    page = words(stranger.get("/desk/keys"))
    assert "Old shop" not in page
    assert "shop.example" not in page
    for prefix in (key.prefix, "0", "x" * 300, "%00"):
        assert stranger.get(f"/desk/keys/{prefix}/revoke").status_code == 404
        assert send(stranger, f"/desk/keys/{prefix}/revoke").status_code == 404
    assert api_keys.of(said) is not None


def test_the_websites_are_stored_and_shown(desk: Pages, make: Factories) -> None:
    answer = desk.post(
        "/desk/sites",
        sites="https://shop.example\r\n\r\nhttps://www.shop.example/\r\n",
        return_url="https://shop.example/basket",
    )
    assert answer.status_code == 303
    shop = fresh(make.shop)
    assert shop.sites == ["https://shop.example", "https://www.shop.example"]
    assert shop.return_url == "https://shop.example/basket"
    page = words(desk.get("/desk/keys"))
    assert "https://www.shop.example" in page
    assert "Go back to https://shop.example/basket" in page
    box = soup(desk.get("/desk/sites")).select_one("textarea#sites")
    assert box is not None
    assert box.get_text().split() == shop.sites


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"sites": "http://shop.example"}, "sites"),
        ({"sites": "https://shop.example/basket"}, "sites"),
        ({"sites": "https://a.example", "return_url": "https://b.example/"}, "return_url"),
        ({"sites": "", "return_url": "nonsense"}, "return_url"),
    ],
)
def test_what_is_wrong_stands_at_its_field_and_what_was_typed_stays(
    desk: Pages, make: Factories, fields: dict[str, str], field: str
) -> None:
    answer = desk.post("/desk/sites", **fields)
    assert answer.status_code == 422
    assert soup(answer).select_one(f"#{field}-error")
    assert fields["sites"] in words(answer)
    assert fresh(make.shop).sites == []
