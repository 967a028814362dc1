import pytest
from flask import Flask
from flask.testing import FlaskClient

from webapp.extensions import csrf

# Every route, who may ask for it, and nothing else: a new one has to be thought about here.
ROUTES = {
    ("GET", "/pay/<code>"): "public",
    ("POST", "/pay/<code>"): "public, form token",
    ("GET", "/pay/<code>/<any(processing,success,expired,canceled,review):page>"): "public",
    ("GET", "/pay/<code>/continue"): "the buyer's cookie",
    ("GET", "/pay/<code>/status"): "public",
    ("POST", "/hooks/<provider>/<token>"): "the provider's signature",
    ("GET", "/api/health"): "public",
    ("GET", "/health/ready"): "public",
}

# These are called by programs that cannot hold a form's token.
WITHOUT_FORM_TOKEN = {"webapp.api.provider_notices.receive_notice"}


def test_every_route_has_been_thought_about(app: Flask) -> None:
    found = {
        (method, rule.rule)
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert found == set(ROUTES)


def test_only_named_routes_are_free_of_the_form_token() -> None:
    assert set(csrf._exempt_views) == WITHOUT_FORM_TOKEN
    assert not csrf._exempt_blueprints


@pytest.fixture
def client(rows: Flask) -> FlaskClient:
    return rows.test_client()


@pytest.mark.parametrize("path", ["/pay/AAAAAAAA", "/nothing", "/pay/AAAAAAAA/status?on=pay"])
def test_every_answer_carries_the_policy(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers.get("Referrer-Policy") == "no-referrer"
