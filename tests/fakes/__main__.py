"""`python -m tests.fakes sumup --port 8002 --key sk_test_…`: a fake as a process of its own.

Its books are in its memory, and gone when it stops. `GET /_control` shows them with every lever
there is, and `GET /_control/account` the account that an application may connect.
"""

import argparse
import json
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, Final
from wsgiref.types import StartResponse, WSGIEnvironment

from werkzeug.wrappers import Request, Response

from tests.fakes.billing import FakeBilling
from tests.fakes.faults import Fake
from tests.fakes.paystack import FakePaystack
from tests.fakes.serving import Server
from tests.fakes.stripe import FakeStripe
from tests.fakes.sumup import FakeSumUp


def main(words: list[str]) -> int:
    """Serve the fake that is named until somebody ends the process."""
    parser = argparse.ArgumentParser(prog="python -m tests.fakes")
    parser.add_argument("provider", choices=FAKES)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--key", required=True, help="what the application shows to be let in")
    wish = parser.parse_args(words)
    fake, account = FAKES[wish.provider](wish.key)
    server = Server(partial(_answer, fake, account), wish.port)
    fake.url = server.url
    is_over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: is_over.set())
    sys.stdout.write(f"The fake {wish.provider} listens at {server.url}\n")
    is_over.wait()
    fake.close()
    server.close()
    return 0


def _answer(
    fake: Fake, account: Mapping[str, Any], environ: WSGIEnvironment, start: StartResponse
) -> Any:
    if Request(environ).path == "/_control/account":
        return Response(json.dumps(account), mimetype="application/json")(environ, start)
    return fake(environ, start)


Made = tuple[Fake, dict[str, Any]]


def _sumup(key: str) -> Made:
    fake = FakeSumUp()
    fake.api_key = key
    return fake, _account("sumup", fake.merchant_code, "EUR", api_key=key)


def _paystack(key: str) -> Made:
    fake = FakePaystack()
    fake.api_key = key
    return fake, _account("paystack", "412829", "NGN", api_key=key)


def _stripe(key: str) -> Made:
    fake = FakeStripe(api_key=key)
    secrets = {"api_key": key, "notice_secret": fake.secrets[-1]}
    return fake, _account("stripe", fake.account, "EUR", **secrets)


def _billing(key: str) -> Made:
    # The application has its key from the environment, for accounts that have none of their own.
    return FakeBilling(api_key=key), _account("billing", "billing", "EUR")


def _account(provider: str, name: str, currency: str, **secrets: str) -> dict[str, Any]:
    return {"provider": provider, "account": name, "currency": currency, "secrets": secrets}


FAKES: Final[Mapping[str, Callable[[str], Made]]] = MappingProxyType(
    {"sumup": _sumup, "paystack": _paystack, "stripe": _stripe, "billing": _billing}
)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
