"""The fake providers that `make run PROVIDER=…` starts: what the application is told of them."""

import http.client
import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from dev.terminal import CommandError

# Each provider's setting for its address, and what follows the fake's own address in it.
PROVIDERS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "sumup": ("SUMUP_URL", ""),
        "paystack": ("PAYSTACK_URL", ""),
        "stripe": ("STRIPE_URL", ""),
        "billing": ("BILLING_BASE_URL", "/billing/api/v1"),
    }
)
# The same at every start, so that an account that was connected once is good for the next run too.
KEY: Final = "sk_test_of-the-fake"

# Those that tell all their news to one address, which a merchant types into their dashboard.
_WITH_WEBHOOK: Final = frozenset({"paystack", "stripe"})
_TIMEOUT_S: Final = 5


def read_provider(words: Sequence[str]) -> list[str]:
    """Return the provider that the command line names, or none.

    Raises:
        CommandError: there is no such provider.
    """
    word = words[0].strip() if words else ""
    if word and word not in PROVIDERS:
        names = ", ".join(PROVIDERS)
        raise CommandError(
            f"PROVIDER must be one of {names}, not {word!r}: make run PROVIDER=sumup."
        )
    return [word] if word else []


def settings(provider: str, port: int) -> dict[str, str]:
    """Return the settings of an application that is to meet the fake in the provider's place."""
    name, path = PROVIDERS[provider]
    address = {name: f"http://127.0.0.1:{port}{path}"}
    return address | ({"APIKEY": KEY} if provider == "billing" else {})


def account(port: int) -> dict[str, Any]:
    """Return the account that the fake at this port offers."""
    told: dict[str, Any] = json.loads(_call(port, "GET", "/_control/account"))
    return told


def enter_webhook(provider: str, port: int, url: str) -> None:
    """Type the address for notices into the provider's dashboard, where it has a place for it."""
    if provider in _WITH_WEBHOOK:
        _call(port, "POST", "/_control/webhook", json.dumps({"url": url}))


def described(provider: str, port: int) -> str:
    """Tell a person where the fake is and how to make it misbehave."""
    url = f"http://127.0.0.1:{port}/_control"
    fault = '{"call": "CALL", "way": "unavailable", "times": 3, "seconds": 10}'
    notice = '{"manner": "drop"}'
    post = "curl -H 'Content-Type: application/json'"
    lines = [f"  the fake {provider:<9}{url} shows its books and its levers, such as"]
    lines.append(f"    {post} -d '{fault}' {url}/faults".replace("CALL", _read_call(provider)))
    if provider != "billing":
        lines.append(f"    {post} -d '{notice}' {url}/notices")
    return "\n".join(lines)


def _read_call(provider: str) -> str:
    return "verify" if provider == "paystack" else "read"


def _call(port: int, method: str, path: str, body: str | None = None) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_S)
    connection.request(method, path, body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    said = answer.read()
    connection.close()
    if answer.status >= 300:
        raise CommandError(f"The fake at port {port} answered {path} with {answer.status}.")
    return said
