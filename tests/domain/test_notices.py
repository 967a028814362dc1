"""Notices are hints: authenticated, stored once, and turned into a wish to read."""

import json
import time
from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import partial
from urllib.parse import urlsplit

import pytest
from flask import Flask

from tests.conftest import Configure
from tests.domain.at_bank import AtBank, verify
from tests.domain.side_by_side import side_by_side
from tests.factories import Factories, everything, fresh
from tests.sandbox.receiver import Receiver
from webapp.core import clock, references
from webapp.core.errors import NotFoundError
from webapp.core.states import AttemptState, LinkState
from webapp.domain.budget import Budget
from webapp.domain.payments import accounts, audit, notices, verification
from webapp.domain.payments.settlement import Outcome
from webapp.extensions import connect_redis, queue_redis
from webapp.jobs import JobName
from webapp.models import PaymentAttempt, ProviderAccount, ProviderNotice
from webapp.providers.base import MalformedNoticeError, UnauthenticNoticeError
from webapp.sandbox.notices import signature


class Sender:
    """Sends notices as the bank does, signed with the account's own secret."""

    def __init__(self, account: ProviderAccount) -> None:
        self.account = account
        self._secret = accounts.connection(account).access.secrets["notice_secret"]

    def headers(self, body: bytes, *, ago_s: int = 0, secret: str | None = None) -> dict[str, str]:
        """Sign a body."""
        at = int(time.time()) - ago_s
        return {"sandbox-signature": signature(secret or self._secret, body, at)}

    def send(self, body: bytes, headers: Mapping[str, str] | None = None) -> bool:
        """Have a body arrive at the account's address."""
        token, signed = self.account.hook_token, headers or self.headers(body)
        return notices.receive("sandbox", token, signed, body)

    def tell(self, attempt: PaymentAttempt, name: str | None = None) -> bool:
        """Tell of an attempt."""
        return self.send(written(attempt.reference, attempt.checkout_id or "chk-x", name))


def written(reference: str, checkout_id: str, name: str | None = None) -> bytes:
    return json.dumps(
        {
            "id": name or f"ntc-{references.link_code()}",
            "type": "checkout.updated",
            "checkout_id": checkout_id,
            "reference": reference,
        }
    ).encode()


@pytest.fixture
def attempt(make: Factories) -> PaymentAttempt:
    return make.pending()


@pytest.fixture
def sender(attempt: PaymentAttempt) -> Sender:
    return Sender(attempt.provider_account)


def is_due(attempt: PaymentAttempt) -> bool:
    due = fresh(attempt).next_check_at
    return due is not None and due <= clock.now()


def test_a_notice_is_stored_and_asks_for_a_read_and_decides_nothing(
    sender: Sender, attempt: PaymentAttempt
) -> None:
    version = fresh(attempt.link).version
    assert not is_due(attempt)
    assert sender.tell(attempt, "ntc-1")
    (notice,) = everything(ProviderNotice)
    assert (notice.dedupe_key, notice.kind, notice.attempt_id) == (
        "ntc-1",
        "checkout.updated",
        attempt.id,
    )
    assert is_due(attempt)
    assert queue_redis.exists(f"kick:{JobName.VERIFICATION}")
    assert (fresh(attempt).state, fresh(attempt.link).version) == (AttemptState.PENDING, version)


def test_the_same_notice_again_is_no_news_and_asks_for_another_read(
    sender: Sender, attempt: PaymentAttempt, make: Factories
) -> None:
    assert sender.tell(attempt, "ntc-1")
    make.change(attempt, next_check_at=None)
    assert not sender.tell(attempt, "ntc-1")
    assert len(everything(ProviderNotice)) == 1
    assert is_due(attempt)


def test_the_same_notice_from_many_at_once_is_stored_once(
    sender: Sender, attempt: PaymentAttempt, app: Flask
) -> None:
    token = sender.account.hook_token
    body = written(attempt.reference, "chk-1", "ntc-1")
    receive = partial(notices.receive, "sandbox", token, sender.headers(body), body)
    assert sorted(side_by_side(app, [receive] * 8)) == [False] * 7 + [True]
    assert len(everything(ProviderNotice)) == 1


def test_the_same_name_at_another_account_is_another_notice(
    sender: Sender, attempt: PaymentAttempt
) -> None:
    theirs = Factories().pending()
    assert sender.tell(attempt, "ntc-1")
    assert Sender(theirs.provider_account).tell(theirs, "ntc-1")
    assert len(everything(ProviderNotice)) == 2


@pytest.mark.parametrize("checkout_id", ["chk-unknown", "'; DROP TABLE payment_link; --"])
def test_a_notice_about_nothing_of_ours_is_stored_and_asks_for_nothing(
    sender: Sender, checkout_id: str
) -> None:
    assert sender.send(written("att-unknown", checkout_id))
    (notice,) = everything(ProviderNotice)
    assert notice.attempt_id is None
    assert not queue_redis.exists(f"kick:{JobName.VERIFICATION}")


def test_a_notice_finds_its_attempt_by_the_checkout_alone(
    sender: Sender, attempt: PaymentAttempt
) -> None:
    assert attempt.checkout_id is not None
    sender.send(written("att-unknown", attempt.checkout_id))
    assert [notice.attempt_id for notice in everything(ProviderNotice)] == [attempt.id]


def test_one_account_cannot_speak_about_the_attempts_of_another(attempt: PaymentAttempt) -> None:
    stranger = Factories().pending()
    Sender(stranger.provider_account).tell(attempt)
    assert [notice.attempt_id for notice in everything(ProviderNotice)] == [None]
    assert not is_due(attempt)


@pytest.mark.parametrize(("provider", "token"), [("sandbox", "wrong"), ("stripe", None), ("", "")])
def test_an_address_of_nobody_takes_no_notice(
    sender: Sender, attempt: PaymentAttempt, provider: str, token: str | None
) -> None:
    body = written(attempt.reference, "chk-1")
    hook_token = sender.account.hook_token if token is None else token
    with pytest.raises(NotFoundError):
        notices.receive(provider, hook_token, sender.headers(body), body)
    assert everything(ProviderNotice) == []


def forged(sender: Sender, body: bytes) -> Iterator[Mapping[str, str]]:
    yield {}
    yield {"sandbox-signature": ""}
    yield {"sandbox-signature": "t=1,v1=" + "0" * 64}
    yield sender.headers(body, secret="sbn_of_somebody_else")
    yield sender.headers(body, ago_s=301)
    yield sender.headers(body, ago_s=-301)
    yield sender.headers(body + b" ")


def test_a_forged_or_old_notice_is_refused_and_changes_nothing(
    sender: Sender, attempt: PaymentAttempt
) -> None:
    body = written(attempt.reference, "chk-1")
    for headers in forged(sender, body):
        with pytest.raises(UnauthenticNoticeError):
            notices.receive("sandbox", sender.account.hook_token, headers, body)
    assert everything(ProviderNotice) == []
    assert not is_due(attempt)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"id": 1}', b"\xff" * 10])
def test_a_signed_notice_that_makes_no_sense_is_refused(sender: Sender, body: bytes) -> None:
    with pytest.raises(MalformedNoticeError):
        sender.send(body, sender.headers(body))
    assert everything(ProviderNotice) == []


def test_a_notice_is_stored_although_the_queue_is_away(
    sender: Sender, attempt: PaymentAttempt, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody = connect_redis("redis://127.0.0.1:1", timeout_s=0.2)
    monkeypatch.setitem(app.extensions, "tillgate.queue_redis", nobody)
    assert sender.tell(attempt)
    assert len(everything(ProviderNotice)) == 1
    assert is_due(attempt)
    nobody.close()


def test_a_notice_that_comes_before_our_answer_is_stored_leads_to_the_money(
    at_bank: AtBank, make: Factories
) -> None:
    at_bank.script("create_never", seconds=0)
    attempt = at_bank.start()
    at_bank.press(attempt, "lose")
    sender = Sender(attempt.provider_account)
    make.change(attempt, next_check_at=None)  # nobody would read it by itself
    assert attempt.checkout_id is None
    assert sender.tell(attempt)
    assert is_due(attempt)
    assert verify(attempt) is Outcome.PAID
    assert fresh(attempt.link).state is LinkState.PAID
    assert audit.run().is_clean


def test_a_notice_of_the_real_bank_is_taken_in(
    at_bank: AtBank, configure: Configure, receiver: Receiver
) -> None:
    configure(base_url=receiver.url.removesuffix("/notices"))
    attempt = at_bank.start()
    at_bank.press(attempt, "twice")
    for received in receiver.wait_for(2):
        address = urlsplit(str(attempt.request["notice_url"])).path
        _, _, provider, token = address.split("/")
        notices.receive(provider, token, received.headers, received.body)
    (notice,) = everything(ProviderNotice)
    assert notice.attempt_id == attempt.id
    assert is_due(attempt)
    assert fresh(attempt.link).state is LinkState.OPEN
    assert verify(attempt) is Outcome.PAID


def test_a_notice_after_the_watch_has_ended_is_read_all_the_same(
    at_bank: AtBank, make: Factories
) -> None:
    attempt = at_bank.start()
    at_bank.press(attempt, "lose")
    over = clock.now() - timedelta(days=1)
    make.change(attempt, watch_until=over, next_check_at=None)
    assert verification.run_due(Budget.of(seconds=20)).total == 0
    assert Sender(attempt.provider_account).tell(attempt)
    assert verification.run_due(Budget.of(seconds=20)).verified == 1
    assert fresh(attempt.link).state is LinkState.PAID
