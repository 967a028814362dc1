"""What Stripe's API accepts: forms with nested keys, checked as strictly as the real one does."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from webapp.core.money import EXPONENTS

ZERO_DECIMAL: Final = frozenset(
    [
        "BIF",
        "CLP",
        "DJF",
        "GNF",
        "JPY",
        "KMF",
        "KRW",
        "MGA",
        "PYG",
        "RWF",
        "UGX",
        "VND",
        "VUV",
        "XAF",
        "XOF",
        "XPF",
    ]
)
LEAST: Final = {
    "usd": 50, "aud": 50, "brl": 50, "cad": 50, "chf": 50, "czk": 1500, "dkk": 250, "eur": 50,
    "gbp": 30, "jpy": 50, "nok": 300, "nzd": 50, "pln": 200, "ron": 200, "sek": 300,
}  # fmt: skip
MOST: Final = 99_999_999
SHORTEST_S: Final = 30 * 60
LONGEST_S: Final = 24 * 3600

CREATE: Final = frozenset(
    {
        "mode",
        "success_url",
        "cancel_url",
        "client_reference_id",
        "customer_email",
        "expires_at",
        "adaptive_pricing[enabled]",
        "allowed_payment_method_types[]",
        "line_items[][quantity]",
        "line_items[][price_data][currency]",
        "line_items[][price_data][unit_amount]",
        "line_items[][price_data][product_data][name]",
        "line_items[][price_data][product_data][description]",
        "metadata[*]",
        "payment_intent_data[metadata][*]",
    }
)
REFUND: Final = frozenset({"payment_intent", "amount", "reason", "metadata[*]"})


class StripeError(Exception):
    """What Stripe says instead of doing what it was asked."""

    def __init__(
        self, status: int, message: str, *, kind: str = "invalid_request_error", **more: str
    ) -> None:
        super().__init__(message)
        self.status = status
        self.error: dict[str, Any] = {"type": kind, "message": message, **more}


def fields(body: bytes, content_type: str, known: frozenset[str]) -> dict[str, str]:
    """Return a form's fields, by their keys as they were sent.

    Raises:
        StripeError: no form, or a field that Stripe does not know.
    """
    if body and content_type != "application/x-www-form-urlencoded":
        raise StripeError(400, "Invalid request (check that your POST content type is right)")
    found = dict(parse_qsl(body.decode(), keep_blank_values=True))
    for key in found:
        shape = re.sub(r"\[\d+\]", "[]", key)
        if shape not in known and re.sub(r"\[\w+\]$", "[*]", shape) not in known:
            name = key.partition("[")[0]
            words = f"Received unknown parameter: {name}"
            raise StripeError(400, words, code="parameter_unknown", param=name)
    return found


def whole(form: Mapping[str, str], key: str) -> int:
    """Return a whole number.

    Raises:
        StripeError: missing, or something else.
    """
    if not re.fullmatch(r"-?[0-9]+", form.get(key, "")):
        raise StripeError(400, f"Invalid integer: {form.get(key)}", param=key)
    return int(form[key])


def check_create(form: Mapping[str, str], now: float) -> None:
    """Refuse what cannot become a session.

    Raises:
        StripeError: it cannot.
    """
    price = "line_items[0][price_data]"
    for key in ("mode", "success_url", f"{price}[currency]", f"{price}[product_data][name]"):
        if not form.get(key):
            raise StripeError(400, f"Missing required param: {key}.", param=key)
    checks: dict[str, Callable[[str], bool]] = {
        "mode": lambda mode: mode == "payment",
        "success_url": _is_web,
        "cancel_url": _is_web,
        "client_reference_id": lambda name: 0 < len(name) <= 200,
        "adaptive_pricing[enabled]": lambda word: word in {"true", "false"},
        "allowed_payment_method_types[0]": lambda kind: kind in {"card", "link", "paypal"},
        f"{price}[currency]": lambda code: code.upper() in EXPONENTS and code.islower(),
        f"{price}[product_data][name]": lambda name: len(name) <= 250,
    }
    for key, is_right in checks.items():
        if key in form and not is_right(form[key]):
            raise StripeError(400, f"Invalid {key}: {form[key]}", param=key)
    if whole(form, "line_items[0][quantity]") < 1:
        raise StripeError(400, "Invalid quantity", param="line_items[0][quantity]")
    if any(len(value) > 500 for key, value in form.items() if "metadata[" in key):
        raise StripeError(400, "Metadata values can have up to 500 characters", param="metadata")
    _check_amount(form[f"{price}[currency]"], whole(form, f"{price}[unit_amount]"))
    if "expires_at" in form:
        _check_expiry(whole(form, "expires_at") - now)


def _check_amount(currency: str, amount: int) -> None:
    if amount < LEAST.get(currency, 1):
        words = "The Checkout Session's total amount due must add up to more"
        raise StripeError(400, words, code="amount_too_small")
    if amount > MOST:
        words = "The Checkout Session's total amount due is too large"
        raise StripeError(400, words, code="amount_too_large")


def _check_expiry(ahead_s: float) -> None:
    if not SHORTEST_S <= ahead_s <= LONGEST_S:
        limit = "at least 30 minutes" if ahead_s < SHORTEST_S else "less than 24 hours"
        words = f"The `expires_at` timestamp must be {limit} from Checkout Session creation."
        raise StripeError(400, words, param="expires_at")


def _is_web(address: str) -> bool:
    return urlsplit(address).scheme in {"http", "https"} and bool(urlsplit(address).netloc)
