"""Nonsense sent to every route there is: a clear answer, the right status, and nothing changed."""

from collections.abc import Iterator, Mapping

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import ColumnElement, func, literal, literal_column, select
from sqlalchemy.dialects.postgresql import aggregate_order_by
from werkzeug.routing import Rule
from werkzeug.routing.converters import AnyConverter

from tests.factories import Factories
from webapp.extensions import db

NONSENSE = {
    "unknown": "ZZZZZZZZ",
    "zero": "0",
    "negative": "-1",
    "a null byte": "%00",
    "a way out": "..%2f..%2fetc",
    "too long": "ü" * 300,
    "HTML": "<script>",
    "SQL": "' OR 1=1 --",
}
FORM = "application/x-www-form-urlencoded"
BODIES: Mapping[str, tuple[bytes, str]] = {
    "no body": (b"", FORM),
    "broken JSON": (b'{"a": ', "application/json"),
    "a form of nonsense": (b"amount=-1&title=%00&x=" + b"y" * 5000, FORM),
    "no form at all": (b"\xff\xfe\x00", "multipart/form-data; boundary=none"),
    "too much": (b"x" * 2_000_000, FORM),
}  # fmt: skip


def rules(app: Flask, method: str) -> Iterator[Rule]:
    for rule in app.url_map.iter_rules():
        if method in (rule.methods or set()):
            yield rule


def address(app: Flask, rule: Rule, value: str) -> str:
    """Return the route's address with nonsense wherever it takes a value."""
    values = {
        name: next(iter(converter.items)) if isinstance(converter, AnyConverter) else "@@"
        for name, converter in rule._converters.items()
    }
    built = app.url_map.bind("localhost").build(rule.endpoint, values, method=_method(rule))
    return built.replace("%40%40", "@@").replace("@@", value)


def _method(rule: Rule) -> str:
    return next(iter((rule.methods or set()) - {"HEAD", "OPTIONS"}))


def books() -> dict[str, str | None]:
    """Return a digest of every table."""
    db.session.rollback()
    found: dict[str, str | None] = {}
    for table in db.metadata.sorted_tables:
        row: ColumnElement[str] = literal_column(f"{table.name}::text")
        digest = select(func.md5(func.string_agg(row, aggregate_order_by(literal("|"), row))))
        found[table.name] = db.session.scalar(digest.select_from(table))
    db.session.rollback()
    return found


@pytest.fixture
def client(rows: Flask, make: Factories) -> FlaskClient:
    make.pending()
    return rows.test_client()


@pytest.mark.parametrize("value", NONSENSE)
def test_no_address_makes_an_error_of_ours_or_a_change(
    app: Flask, client: FlaskClient, value: str
) -> None:
    before = books()
    for rule in rules(app, "GET"):
        if rule.arguments:
            answer = client.get(address(app, rule, NONSENSE[value]))
            # The desk asks who is there before it says what there is.
            is_refused = answer.status_code in {303, 308} or 400 <= answer.status_code < 500
            assert is_refused, (rule.rule, answer.status_code)
    assert books() == before


@pytest.mark.parametrize("body", BODIES)
def test_no_body_makes_an_error_of_ours_or_a_change(
    app: Flask, client: FlaskClient, body: str
) -> None:
    before = books()
    data, kind = BODIES[body]
    for rule in rules(app, "POST"):
        answer = client.post(address(app, rule, "ZZZZZZZZ"), data=data, content_type=kind)
        assert 400 <= answer.status_code < 500, (rule.rule, answer.status_code)
        assert answer.content_type.startswith(("text/html", "application/problem+json")), rule.rule
    assert books() == before
