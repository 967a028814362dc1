"""Somebody signed in at the desk, and what they do there."""

from flask import Flask
from werkzeug.test import TestResponse

from tests.factories import Factories
from tests.pages import Pages, soup
from webapp.domain.desk import users
from webapp.models import Merchant, User

PASSWORD = "correct horse battery"


def user_of(merchant: Merchant, *, role: str = "owner", email: str | None = None) -> User:
    """Make a user of a merchant."""
    address = email or f"{role}@{merchant.slug}.example"
    return users.make(merchant, email=address, password=PASSWORD, name="Olga Owner", role=role)


def sign_in(pages: Pages, email: str, password: str = PASSWORD, **fields: str) -> TestResponse:
    """Send the form of the sign-in page."""
    return pages.post("/desk/sign-in", email=email, password=password, **fields)


def desk_of(app: Flask, make: Factories, merchant: Merchant | None = None) -> Pages:
    """Return the browser of a merchant's owner who has signed in."""
    owner = user_of(merchant or make.shop)
    pages = Pages(app)
    assert sign_in(pages, owner.email).status_code == 303
    return pages


def token_of(pages: Pages) -> str:
    """Return the token that this browser's forms carry."""
    field = soup(pages.get("/desk/links")).select_one("input[name=csrf_token]")
    assert field is not None
    return str(field["value"])


def send(pages: Pages, path: str, **fields: str) -> TestResponse:
    """Send a form to an address, whatever page it stands on."""
    return pages.client.post(path, data={"csrf_token": token_of(pages)} | fields)
