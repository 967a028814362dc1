"""A Redis that hangs, and a bank that hangs: everybody else's pages and polls go on."""

import re
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import httpx2
import pytest

from dev.buyer import Buyer
from tests.e2e.bystanders import best_look, bound_s, look
from tests.e2e.conftest import BANK_TIMEOUT_S, Town, eventually
from tests.e2e.hung import calls_to_the_bank, hung

pytestmark = [pytest.mark.drill, pytest.mark.stack, pytest.mark.xdist_group("town")]

WITHOUT_REDIS_WITHIN_S: Final = 0.5
WITHIN_S: Final = 0.2

BUYERS: Final = 72
# Of each of the two web processes, a quarter of its 64 threads.
MOST_CALLS: Final = 2 * 16

# Of nobody's certificates: to read them takes longer than to press.
_PLAIN: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

_TOKEN: Final = re.compile(r'name="csrf_token" value="([^"]+)"')


@dataclass(frozen=True)
class Pressed:
    """What a buyer who has pressed "Pay" was sent to, and after how many seconds."""

    location: str
    took_s: float


@pytest.fixture
def paths(town: Town) -> list[str]:
    """What others look at meanwhile."""
    code = town.office.link(0)
    return [f"/pay/{code}", f"/pay/{code}/status?on=pay", "/desk/sign-in", "/api/health"]


def test_while_redis_hangs_pages_and_polls_go_on_and_a_buyer_pays(
    town: Town, paths: list[str]
) -> None:
    code = town.office.link(1)
    allowed_s = bound_s(town.stack.url, paths, WITHOUT_REDIS_WITHIN_S)
    with hung(town.stack, "redis"):
        look(town.stack.url, paths, times=8)
        waits = best_look(town.stack.url, paths, within_s=allowed_s)
        print(f"Redis hangs: pages {waits}")  # noqa: T201  # a figure to show
        assert waits.p95_s <= allowed_s
        buyer = Buyer(town.stack.url)
        page = buyer.start(code)
        assert page is not None
        buyer.press(page, "pay")
        buyer.come_back(code)
        waiting = f"/pay/{code}/status?on=processing"
        waits = best_look(town.stack.url, [waiting], within_s=allowed_s, times=30)
        print(f"Redis hangs: polls of a payment in flight {waits}")  # noqa: T201
        assert waits.p95_s <= allowed_s
    eventually(lambda: buyer.status(code) == "PAID")
    buyer.close()


def test_a_hung_bank_takes_a_quarter_of_the_threads_and_the_others_go_on(
    town: Town, paths: list[str]
) -> None:
    codes = [town.office.link(number) for number in range(2, BUYERS + 2)]
    start = threading.Barrier(BUYERS + 1)
    allowed_s = bound_s(town.stack.url, paths, WITHIN_S)
    with hung(town.stack, "bank"), ThreadPoolExecutor(BUYERS) as buyers:
        presses = [buyers.submit(press_pay, town.stack.url, code, start) for code in codes]
        start.wait(120)
        eventually(lambda: calls_to_the_bank(town.stack, "web") > 1)
        waits = best_look(town.stack.url, paths, within_s=allowed_s)
        most = calls_to_the_bank(town.stack, "web")
        pressed = [press.result() for press in presses]
    held = [one for one in pressed if one.took_s > BANK_TIMEOUT_S * 0.8]
    print(f"The bank hangs: {most} calls, {len(held)} of {BUYERS} waited; other pages {waits}")  # noqa: T201
    assert waits.p95_s <= allowed_s
    assert 1 < most <= MOST_CALLS
    assert len(held) <= MOST_CALLS
    assert {one.location.partition("/pay/")[2][8:] for one in pressed} == {"/processing"}
    # The bank is back: workers make what nobody could wait for.
    query = (
        "SELECT l.code FROM payment_link l JOIN payment_attempt a ON a.link_id = l.id"
        " WHERE l.code = ANY(%s) AND a.is_current AND a.checkout_url IS NOT NULL"
    )
    town.office.rows_of(codes, query, within_s=60)


def press_pay(url: str, code: str, start: threading.Barrier) -> Pressed:
    """Open a link's page, wait for all the others, and press "Pay"."""
    with httpx2.Client(base_url=url, timeout=60, trust_env=False, verify=_PLAIN) as browser:
        token = _TOKEN.search(browser.get(f"/pay/{code}").text)
        assert token is not None
        start.wait(120)
        began = time.monotonic()
        answer = browser.post(f"/pay/{code}", data={"csrf_token": token[1]})
        return Pressed(answer.headers["location"], time.monotonic() - began)
