"""Where a payment was begun is remembered by a mark, for the patterns, and by nothing else."""

import pytest

from tests.conftest import Configure
from tests.factories import Factories, everything
from tests.pages import Pages
from webapp.core import fingerprints
from webapp.extensions import queue_redis, settings
from webapp.models import PaymentAttempt


@pytest.mark.parametrize(
    ("base_url", "forwarded", "address"),
    [
        ("http://127.0.0.1:9", "198.51.100.7", "127.0.0.1"),
        ("https://pay.example", "203.0.113.9, 198.51.100.7", "198.51.100.7"),
        ("https://pay.example", "", "127.0.0.1"),
    ],
)
def test_pressing_pay_remembers_a_mark_of_the_address_that_it_came_from(
    make: Factories,
    pages: Pages,
    configure: Configure,
    base_url: str,
    forwarded: str,
    address: str,
) -> None:
    configure(base_url=base_url)
    link = make.link()
    if forwarded:
        pages.client.environ_base["HTTP_X_FORWARDED_FOR"] = forwarded
    pages.post(f"/pay/{link.code}")
    (attempt,) = everything(PaymentAttempt)
    mark = fingerprints.of(address, settings.secret_key.get_secret_value())
    assert queue_redis.get(f"origin:{attempt.reference}") == mark.encode()
