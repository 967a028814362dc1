import pytest
from flask import Flask
from flask.testing import FlaskClient

from webapp.config import Settings
from webapp.extensions import csrf
from webapp.factory import create_app

# Every route, who may ask for it, and nothing else: a new one has to be thought about here.
ROUTES = {
    ("GET", "/pay/<code>"): "public",
    ("POST", "/pay/<code>"): "public, form token",
    ("GET", "/pay/<code>/<any(processing,success,expired,canceled,review):page>"): "public",
    ("GET", "/pay/<code>/continue"): "the buyer's cookie",
    ("POST", "/pay/<code>/retry"): "public once it is slow, else the buyer's cookie; form token",
    ("POST", "/pay/<code>/cancel"): "the buyer's cookie, form token",
    ("GET", "/pay/<code>/status"): "public",
    ("GET", "/tickets/<token>"): "the long token of the buyer's email",
    ("GET", "/tickets/<token>/tickets.pdf"): "the long token of the buyer's email",
    ("GET", "/tickets/<token>/event.ics"): "the long token of the buyer's email",
    ("GET", "/desk"): "owners and staff",
    ("GET", "/desk/sign-in"): "public",
    ("POST", "/desk/sign-in"): "public, form token",
    ("POST", "/desk/sign-out"): "public, form token",
    ("GET", "/desk/links"): "owners and staff",
    ("GET", "/desk/links/rows"): "owners and staff",
    ("GET", "/desk/links/new"): "owners and staff",
    ("POST", "/desk/links/new"): "owners and staff, form token",
    ("GET", "/desk/links/<reference>"): "owners and staff of the link's merchant",
    ("GET", "/desk/links/<reference>/panel"): "owners and staff of the link's merchant",
    ("GET", "/desk/links/<reference>/qr.png"): "owners and staff of the link's merchant",
    ("GET", "/desk/links/<reference>/open"): "owners and staff of the link's merchant",
    ("POST", "/desk/links/<reference>/open"): "the same, form token",
    ("GET", "/desk/links/<reference>/cancel"): "owners and staff of the link's merchant",
    ("POST", "/desk/links/<reference>/cancel"): "the same, form token",
    ("GET", "/desk/links/<reference>/review"): "owners and staff of the link's merchant",
    ("POST", "/desk/links/<reference>/accept"): "the same, form token",
    ("POST", "/desk/links/<reference>/dismiss"): "the same, form token",
    ("GET", "/desk/links/<reference>/refund"): "owners and staff of the link's merchant",
    ("POST", "/desk/links/<reference>/refund"): "the same, form token",
    ("GET", "/desk/links/<reference>/note"): "owners and staff of the link's merchant",
    ("POST", "/desk/links/<reference>/note"): "the same, form token",
    ("GET", "/desk/links/<reference>/looked-after"): "owners and staff of the link's merchant",
    ("POST", "/desk/links/<reference>/looked-after"): "the same, form token",
    ("GET", "/desk/links/<reference>/send"): "owners and staff of the link's merchant",
    ("POST", "/desk/links/<reference>/send"): "the same, form token",
    ("GET", "/desk/account"): "owners and staff",
    ("GET", "/desk/account/connect/<provider>"): "owners",
    ("POST", "/desk/account/connect/<provider>"): "owners, form token",
    ("GET", "/desk/account/<account>/replace"): "owners of the account's merchant",
    ("POST", "/desk/account/<account>/replace"): "the same, form token",
    ("POST", "/desk/account/<account>/test"): "owners and staff of its merchant, form token",
    ("GET", "/desk/account/<account>/disconnect"): "owners of the account's merchant",
    ("POST", "/desk/account/<account>/disconnect"): "the same, form token",
    ("POST", "/desk/account/<account>/choose"): "the same, form token",
    ("POST", "/desk/account/<account>/reconnect"): "the same, form token",
    ("POST", "/desk/account/sumup/authorise"): "owners, form token",
    ("GET", "/desk/account/sumup/callback"): "owners, the word that was sent to SumUp",
    ("GET", "/desk/account/sumup/choose"): "owners",
    ("POST", "/desk/account/sumup/choose"): "owners, form token",
    ("POST", "/desk/links/<reference>/verify"): "the same, form token",
    ("POST", "/hooks/<provider>/<token>"): "the provider's signature",
    ("POST", "/hooks/<provider>/<token>/<reference>"): "the provider's signature, or its address",
    ("GET", "/desk/keys"): "owners and staff",
    ("POST", "/desk/keys"): "owners and staff, form token",
    ("GET", "/desk/keys/<prefix>/revoke"): "owners and staff of the key's merchant",
    ("POST", "/desk/keys/<prefix>/revoke"): "the same, form token",
    ("GET", "/desk/sites"): "owners and staff",
    ("POST", "/desk/sites"): "owners and staff, form token",
    ("GET", "/api/payment/verify"): "a key, owners and staff: their own orders",
    ("GET", "/api/payment-links/<name>/status"): "public; drafts: a key of their merchant",
    ("POST", "/api/payment-links/<name>/refresh"): "public, bounded per attempt",
    ("POST", "/api/payments/session/create"): "public, no page of another site",
    ("GET", "/api/payments/session/<reference>"): "the buyer's cookie, a key, owners and staff",
    ("POST", "/api/payments/session/<reference>/resume"): "the same, no page of another site",
    ("POST", "/api/payments/session/<reference>/complete"): "the same, no page of another site",
    ("POST", "/api/payments/session/<reference>/cancel"): "the same, no page of another site",
    ("GET", "/api/payments/session/<reference>/summary"): "a key, owners and staff: their buyers",
    ("GET", "/api/payments/sessions/active"): "a key, owners and staff: their buyers",
    ("POST", "/api/test/checkout-sessions"): "the schedule's secret",
    ("GET", "/api/health"): "public",
    ("GET", "/health/ready"): "public",
}

# There only on a development machine whose mail goes into a folder.
DEVELOPMENT_ROUTES = {
    ("GET", "/dev/mail"): "public",
    ("GET", "/dev/mail/<name>"): "public",
    ("GET", "/dev/mail/<name>/html"): "public",
    ("GET", "/dev/mail/<name>/parts/<int:number>"): "public",
    ("GET", "/dev/mail/<name>/raw"): "public",
}

# These are called by programs that cannot hold a form's token.
WITHOUT_FORM_TOKEN = {
    "webapp.api.provider_notices.receive_notice",
    "webapp.api.checkout_sessions.check_sessions",
    "webapp.api.payment_links.refresh",
    "webapp.api.payment_sessions.create",
    "webapp.api.payment_sessions.resume",
    "webapp.api.payment_sessions.complete",
    "webapp.api.payment_sessions.cancel",
}


def routes(app: Flask) -> set[tuple[str, str]]:
    return {
        (method, rule.rule)
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }


def test_every_route_has_been_thought_about(app: Flask) -> None:
    assert routes(app) == set(ROUTES)


@pytest.mark.parametrize(
    ("environment", "mail_url", "are_there"),
    [
        ("development", "file:///var/mail-of-nobody", True),
        ("development", "smtp://mail.example", False),
        ("test", "file:///var/mail-of-nobody", False),
        ("production", "file:///var/mail-of-nobody", False),
        ("production", "smtp://mail.example", False),
    ],
)
def test_a_developers_pages_are_on_a_developers_machine_only(
    settings: Settings, environment: str, mail_url: str, are_there: bool
) -> None:
    place = settings.model_dump() | {"environment": environment, "mail_url": mail_url}
    app = create_app(Settings.model_validate(place))
    assert routes(app) - set(ROUTES) == (set(DEVELOPMENT_ROUTES) if are_there else set())
    client = app.test_client()
    assert client.get("/dev/mail").status_code == (200 if are_there else 404)
    assert client.get("/dev/mail/x.eml").status_code == 404


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
