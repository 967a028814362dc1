"""What a cycle says: the sentences are promised, so they are compared word for word."""

import json
from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from tests.conftest import Configure
from tests.domain.at_bank import AtBank
from tests.domain.at_fakes import AtFake, at_fake
from tests.domain.test_sick_accounts import all_due
from tests.factories import Factories, fresh
from tests.fakes.billing import FakeBilling
from webapp.domain.budget import Budget
from webapp.domain.payments import verification
from webapp.domain.payments.narration import Narrator


def sentences() -> list[str]:
    """Run one cycle over everything, and return what it says."""
    said: list[str] = []
    all_due()
    verification.run_due(Budget.of(seconds=30), narrator=Narrator(said.append))
    return said


@pytest.fixture
def fake() -> FakeBilling:
    return FakeBilling()


@pytest.fixture
def shop(fake: FakeBilling, make: Factories, configure: Configure) -> Iterator[AtFake]:
    configure(apikey=fake.api_key)
    with at_fake("billing", make, configure, fake=fake, secrets={}) as shop:
        yield shop


def test_a_cycle_over_orders_is_told_in_these_words(at_bank: AtBank) -> None:
    paid_one, open_one = at_bank.start(), at_bank.start()
    at_bank.press(paid_one, "lose")
    first, second = paid_one.link.reference, open_one.link.reference
    said = sentences()
    assert said[:3] == [
        "Starting payment polling cycle",
        "Found 2 pending orders to verify",
        "Checking 0 open checkout sessions...",
    ]
    assert set(said[3:5]) == {
        f"Calling Sandbox API for checkout {paid_one.checkout_id}",
        f"Calling Sandbox API for checkout {open_one.checkout_id}",
    }
    assert [line for line in said if first in line] == [
        f"Order {first}: Sandbox status=paid, amount=25.00",
        f"Order {first} verified successfully. 2 tickets issued.",
        f"Order {first}: verified",
    ]
    assert [line for line in said if second in line] == [
        f"Order {second}: Sandbox status=open",
        f"Order {second}: still_pending",
    ]
    assert said[-6:] == [
        "Polling cycle complete!",
        "Verified: 1",
        "Failed: 0",
        "Still Pending: 1",
        "Errors: 0",
        "Processed 2 orders",
    ]


def test_what_was_paid_before_is_skipped(at_bank: AtBank) -> None:
    attempt = at_bank.start()
    at_bank.press(attempt, "lose")
    sentences()
    assert "Already processed - skipping" in sentences()


def test_what_a_person_must_decide_and_what_failed_is_said(at_bank: AtBank) -> None:
    wrong, declined = at_bank.start(), at_bank.start()
    at_bank.press(wrong, "wrong")
    at_bank.press(declined, "decline")
    said = sentences()
    assert f"Order {wrong.link.reference}: requires_manual_review" in said
    assert f"Order {declined.link.reference}: failed" in said


def test_sessions_of_a_service_that_is_only_asked_are_told_in_these_words(
    shop: AtFake, fake: FakeBilling
) -> None:
    first, second = shop.start(), shop.start()
    assert second.order_id is not None
    fake.misbehave("read", "lost")
    said = sentences()
    names = {f"{one.checkout_id} ({one.order_id})" for one in (first, second)}
    assert said[2] == "Checking 2 open checkout sessions..."
    told = {line for line in said if "session " in line and "complete" not in line}
    (active,) = (
        name for name in names if f"Success: Checkout session {name} is still active" in told
    )
    (failed,) = names - {active}
    assert f"Error checking session {failed}: Network error" in told
    assert len(told) == 2
    assert "Checkout session check complete: 1 success, 1 errors" in said


def test_with_no_sessions_only_the_first_sentence_is_said(shop: AtFake) -> None:
    said = sentences()
    assert [line for line in said if "session" in line] == ["Checking 0 open checkout sessions..."]


def test_a_refused_connection_and_a_timeout_are_told_apart(
    shop: AtFake, fake: FakeBilling, configure: Configure
) -> None:
    attempt = shop.start()
    name = f"{attempt.checkout_id} ({attempt.order_id})"
    configure(provider_timeout_s=0.3)
    fake.misbehave("read", "late", seconds=5)
    said = f"Error checking session {name}: Timeout: Checkout session request timed out"
    assert said in sentences()
    configure(billing_base_url="http://127.0.0.1:1/billing")
    assert f"Error checking session {name}: connect ECONNREFUSED" in sentences()
    assert fresh(attempt.link).may_hold_money


def test_without_a_key_no_check_is_sent_and_a_warning_says_why(
    shop: AtFake, fake: FakeBilling, configure: Configure
) -> None:
    attempt = shop.start()
    name = f"{attempt.checkout_id} ({attempt.order_id})"
    fake.misbehave("read", "lost")
    configure(apikey="")
    with capture_logs() as logged:
        said = sentences()
    assert "APIKEY not found in environment variables" in {line["event"] for line in logged}
    assert f"Error checking session {name}: the account's credentials cannot be used" in said
    configure(apikey=fake.api_key)
    assert f"Error checking session {name}: Network error" in sentences()


def test_the_log_has_the_same_sentences_and_nothing_personal(
    make: Factories, at_bank: AtBank
) -> None:
    attempt = at_bank.start()
    at_bank.press(attempt, "lose")
    all_due()
    with capture_logs() as logged:
        verification.run_due(Budget.of(seconds=30))
    events = [line["event"] for line in logged]
    assert f"Order {attempt.link.reference} verified successfully. 2 tickets issued." in events
    assert "ada@example.org" not in json.dumps(logged, default=str)
