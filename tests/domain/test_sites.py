"""The merchant's own websites, as browsers name them."""

import pytest

from tests.factories import Factories, fresh
from webapp.core.errors import InvalidInputError
from webapp.domain.desk import sites


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("https://shop.example", "https://shop.example"),
        ("  https://Shop.Example/  ", "https://shop.example"),
        ("https://shop.example:443", "https://shop.example"),
        ("https://shop.example:8443", "https://shop.example:8443"),
        ("https://www.bühne.example", "https://www.xn--bhne-0ra.example"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://127.0.0.1", "http://127.0.0.1"),
        ("https://10.0.0.1", "https://10.0.0.1"),
    ],
)
def test_a_website_is_stored_as_browsers_name_it(make: Factories, typed: str, stored: str) -> None:
    sites.store(make.shop, [typed], "")
    assert fresh(make.shop).sites == [stored]


@pytest.mark.parametrize(
    "typed",
    [
        "shop.example",
        "http://shop.example",
        "http://localhost.evil.example",
        "https://",
        "https://shop.example/basket",
        "https://shop.example?",
        "https://shop.example/#x",
        "https://user@shop.example",
        "https://shop.example@evil.example",
        "https://shop.example\\@evil.example",
        "https://*.shop.example",
        "https://*",
        "*",
        "null",
        "https://shop_1.example",
        "https://shop.example:99999",
        "https://shop.example:x",
        "https://[::1",
        "https://a..b",
        "https://" + "a" * 64 + ".example",
        "javascript:alert(1)",
        "ftp://shop.example",
        "https://shop.example\x00",
    ],
)
def test_what_names_no_website_is_refused_and_nothing_is_changed(
    make: Factories, typed: str
) -> None:
    sites.store(make.shop, ["https://before.example"], "")
    with pytest.raises(InvalidInputError) as caught:
        sites.store(make.shop, ["https://shop.example", typed], "")
    assert caught.value.field == "sites"
    assert fresh(make.shop).sites == ["https://before.example"]


def test_what_stands_twice_is_kept_once_and_empty_lines_are_nothing(make: Factories) -> None:
    sites.store(make.shop, ["https://a.example", "", " ", "https://A.example/"], "")
    assert fresh(make.shop).sites == ["https://a.example"]


def test_there_are_ten_at_most(make: Factories) -> None:
    named = [f"https://shop{number}.example" for number in range(11)]
    sites.store(make.shop, named[:10], "")
    with pytest.raises(InvalidInputError):
        sites.store(make.shop, named, "")
    assert len(fresh(make.shop).sites) == 10


@pytest.mark.parametrize(
    "typed",
    ["https://shop.example", "https://shop.example/basket?id=7#top", " https://SHOP.example/x "],
)
def test_buyers_go_back_to_one_of_the_websites(make: Factories, typed: str) -> None:
    sites.store(make.shop, ["https://shop.example"], typed)
    assert fresh(make.shop).return_url == typed.strip()


@pytest.mark.parametrize(
    "typed",
    [
        "https://evil.example",
        "https://shop.example.evil.example/",
        "https://shop.example@evil.example/",
        "https://evil.example\\@shop.example/",
        "https://shop.example/a b",
        "https://shop.example/\nSet-Cookie: x",
        "https://shop.example/ü",
        "//shop.example/",
        "/basket",
        "javascript://shop.example/%0aalert(1)",
        "http://shop.example/",
        "https://shop.example/" + "x" * 2000,
    ],
)
def test_buyers_are_sent_nowhere_else(make: Factories, typed: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        sites.store(make.shop, ["https://shop.example"], typed)
    assert caught.value.field == "return_url"
    assert fresh(make.shop).return_url is None


def test_without_the_website_its_address_cannot_stay(make: Factories) -> None:
    sites.store(make.shop, ["https://shop.example"], "https://shop.example/basket")
    with pytest.raises(InvalidInputError):
        sites.store(make.shop, [], "https://shop.example/basket")
    sites.store(make.shop, [], "")
    assert (fresh(make.shop).sites, make.shop.return_url) == ([], None)
