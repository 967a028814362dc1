import re

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import func, select

from tests.factories import Factories
from webapp.core.states import LinkState
from webapp.extensions import db
from webapp.models import PaymentEvent, PaymentLink


@pytest.fixture
def shop(make: Factories) -> str:
    """The short name of a merchant."""
    return make.shop.slug


def run(app: Flask, *words: str) -> Result:
    """Run a command."""
    return app.test_cli_runner().invoke(args=list(words))


def make_link(app: Flask, shop: str, **options: str) -> Result:
    """Run `flask links make` with ordinary options, some of them changed."""
    ordinary = {"merchant": shop, "title": "Two tickets", "amount": "25.00"}
    words = [
        word
        for name, value in (ordinary | options).items()
        for word in (f"--{name.replace('_', '-')}", value)
    ]
    return run(app, "links", "make", *words)


def links() -> int:
    """Count the links."""
    return db.session.scalars(select(func.count()).select_from(PaymentLink)).one()


def test_a_link_is_made_opened_shown_and_canceled_by_commands(rows: Flask, shop: str) -> None:
    made = make_link(rows, shop, tickets="2", expires="3h")
    assert made.exit_code == 0
    reference = made.output.split()[0]
    assert re.search(r"/pay/[A-Z0-9]{8}\b", made.output)
    opened = run(rows, "links", "open", "--merchant", shop, reference)
    assert "OPEN" in opened.output
    shown = run(rows, "links", "show", "--merchant", shop, reference)
    assert "link_opened" in shown.output
    canceled = run(rows, "links", "cancel", "--merchant", shop, reference)
    assert "CANCELED" in canceled.output
    again = run(rows, "links", "cancel", "--merchant", shop, reference)
    assert again.exit_code == 0


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("amount", "0", "above zero"),
        ("amount", "-5", "above zero"),
        ("amount", "1.999", "at most 2 decimals"),
        ("amount", "100000000.00", "at most 99999999.99"),
        ("amount", "12,50", "a number such as"),
        ("amount", "NaN", "a number such as"),
        ("amount", "1e3", "a number such as"),
        ("currency", "XXX", "not a currency we accept"),
        ("currency", "", "not a currency we accept"),
        ("expires", "2020-01-01T00:00:00Z", "in the future"),
        ("expires", "2030-01-01T00:00:00", "time zone"),
        ("expires", "tomorrow", "neither a span"),
        ("expires", "400d", "within 366 days"),
        ("title", "x" * 10_000, "at most 200 characters"),
        ("title", " ", "must not be empty"),
        ("title", "two\nlines", "one line"),
        ("buyer_email", "nobody", "must be an address such as"),
        ("buyer_name", "x" * 121, "at most 120"),
        ("tickets", "-1", "must be 0 to 20"),
        ("tickets", "21", "must be 0 to 20"),
    ],
)
def test_a_value_that_cannot_be_is_refused_in_one_sentence_and_nothing_is_made(
    rows: Flask, shop: str, option: str, value: str, says: str
) -> None:
    done = make_link(rows, shop, **{option: value})
    assert done.exit_code == 2
    assert says in done.output
    assert "Traceback" not in done.output
    assert len(done.output.strip().splitlines()) == 1
    assert links() == 0


def test_html_in_a_title_is_kept_as_the_text_it_is(rows: Flask, shop: str) -> None:
    done = make_link(rows, shop, title="<b>Söngs</b> & more")
    assert done.exit_code == 0
    assert db.session.scalars(select(PaymentLink.title)).one() == "<b>Söngs</b> & more"


@pytest.mark.parametrize(
    "words",
    [
        ("links", "show", "ORD-NOBODY"),
        ("links", "open", "ORD-NOBODY"),
        ("links", "cancel", "ORD-NOBODY"),
        ("review", "accept", "ORD-NOBODY"),
        ("review", "dismiss", "ORD-NOBODY", "--reason", "why not"),
    ],
)
def test_what_is_not_there_is_said_to_be_not_there(
    rows: Flask, shop: str, words: tuple[str, ...]
) -> None:
    done = run(rows, *words, "--merchant", shop)
    assert done.exit_code == 1
    assert "there is no such PaymentLink" in done.output or "no such link" in done.output


def test_another_merchants_link_is_not_there(rows: Flask, make: Factories) -> None:
    link = make.link()
    other = make.merchant().slug
    for words in (("show",), ("open",), ("cancel",)):
        assert run(rows, "links", *words, "--merchant", other, link.code).exit_code == 1
    db.session.refresh(link)
    assert link.state is LinkState.OPEN


def test_opening_twice_is_refused_and_leaves_no_trace(rows: Flask, make: Factories) -> None:
    link = make.link()
    events = db.session.scalars(select(func.count()).select_from(PaymentEvent)).one()
    done = run(rows, "links", "open", "--merchant", make.shop.slug, link.code)
    assert done.exit_code == 1
    assert db.session.scalars(select(func.count()).select_from(PaymentEvent)).one() == events


def test_every_command_explains_itself(rows: Flask) -> None:
    for words in (
        ("links",),
        ("payments",),
        ("review",),
        ("links", "make"),
        ("payments", "verify"),
    ):
        done = run(rows, *words, "--help")
        assert done.exit_code == 0
        assert "Usage" in done.output
