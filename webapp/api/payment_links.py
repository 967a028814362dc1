"""How a payment link stands, for programs and for scripts on the merchant's own websites."""

from http import HTTPStatus
from typing import Final

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue

from webapp import jobs
from webapp.api import access
from webapp.core import clock
from webapp.core.public_status import LINK_STATUS
from webapp.domain.payments import public_status
from webapp.domain.payments.public_status import LinkNews, Transaction
from webapp.extensions import csrf, settings

blueprint = Blueprint("payment_links", __name__)

_PREFLIGHT_KEPT_S: Final = 600
_WAIT: Final = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}


@blueprint.get("/api/payment-links/<name>/status", provide_automatic_options=False)
def show_status(name: str) -> ResponseReturnValue:
    """Say how a link stands. It changes no row, and asks no provider."""
    news = _news(name)
    if request.if_none_match.contains_weak(_tag(news)):
        return _shared(Response(status=304), news)
    return _shared(jsonify({"data": _written(news)}), news)


@blueprint.post("/api/payment-links/<name>/refresh", provide_automatic_options=False)
@csrf.exempt  # type: ignore[untyped-decorator]  # Flask-WTF ships no types
def refresh(name: str) -> ResponseReturnValue:
    """Ask that the payment on its way be looked at soon: 202; with none on its way 200."""
    news = _news(name)
    if news.in_flight is not None:
        jobs.check(news.in_flight)
    answer = _shared(jsonify({"data": _written(news)}), news)
    answer.status_code = 200 if news.in_flight is None else 202
    return answer


@blueprint.route("/api/payment-links/<name>/status", methods=["OPTIONS"])
def allow_status(name: str) -> ResponseReturnValue:
    """Tell a browser whether a page may ask for the status."""
    return _allowed(name, "GET")


@blueprint.route("/api/payment-links/<name>/refresh", methods=["OPTIONS"])
def allow_refresh(name: str) -> ResponseReturnValue:
    """Tell a browser whether a page may ask for a look."""
    return _allowed(name, "POST")


@blueprint.after_request
def tell_to_wait(answer: Response) -> Response:
    """Let every script read that it has to wait: nothing of the link is in such an answer."""
    if answer.status_code in _WAIT:
        answer.vary.add("Origin")
        answer.headers["Access-Control-Allow-Origin"] = "*"
        answer.headers["Access-Control-Expose-Headers"] = "Retry-After"
    return answer


def _news(name: str) -> LinkNews:
    caller = access.with_key()
    return public_status.get(name, merchant=caller.merchant if caller else None)


def _tag(news: LinkNews) -> str:
    return f"{news.version}.{settings.release}"


def _shared(answer: Response, news: LinkNews) -> Response:
    """Put on an answer what every one of them carries."""
    answer.set_etag(_tag(news))
    after = news.poll_after_s
    answer.headers["X-Poll-After"] = "stop" if after is None else f"{after:g}"
    # Kept, but never used without asking: that is what the ETag is for.
    answer.headers["Cache-Control"] = "private, no-cache"
    _let_in(answer, news.sites)
    return answer


def _allowed(name: str, method: str) -> Response:
    answer = Response(status=204)
    answer.headers["Allow"] = f"{method}, OPTIONS"
    _let_in(answer, public_status.sites(name) if "Origin" in request.headers else ())
    if "Access-Control-Allow-Origin" in answer.headers:
        answer.headers["Access-Control-Allow-Methods"] = method
        answer.headers["Access-Control-Allow-Headers"] = "If-None-Match, Content-Type"
        answer.headers["Access-Control-Max-Age"] = str(_PREFLIGHT_KEPT_S)
    return answer


def _let_in(answer: Response, sites: tuple[str, ...]) -> None:
    """Let scripts of the merchant's own websites read an answer, and nobody else's."""
    answer.vary.add("Origin")
    site = request.headers.get("Origin")
    if site in sites:
        answer.headers["Access-Control-Allow-Origin"] = site
        answer.headers["Access-Control-Expose-Headers"] = "ETag, Retry-After, X-Poll-After"


def _written(news: LinkNews) -> dict[str, object]:
    status = LINK_STATUS[news.state]
    return {
        "id": str(news.public_id),
        "shortCode": news.code,
        "currentStatus": status.code,
        "statusMessage": status.sentence,
        "lastEventType": news.last_event.value,
        "lastEventTimestamp": clock.iso(news.last_event_at),
        "paymentMethod": news.provider,
        "transactionInfo": _paid(news.transaction) if news.transaction else None,
        "expiresAt": clock.iso(news.expires_at),
        "isExpired": news.is_expired,
        "updatedAt": clock.iso(news.updated_at),
    }


def _paid(transaction: Transaction) -> dict[str, object]:
    return {
        "transactionId": transaction.reference,
        "provider": transaction.provider,
        "amount": transaction.money.major,
        "currency": transaction.money.currency,
    }
