"""Notices of the sandbox bank: believed only when signed, whole and recent."""

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta

import pytest

from webapp.providers import sandbox
from webapp.providers.base import (
    Access,
    Hint,
    MalformedNoticeError,
    UnauthenticNoticeError,
)

NOW = datetime(2026, 11, 20, 10, 0, 0, tzinfo=UTC)
SECRET = "sbn_of-this-account"
ACCESS = Access("sbx-demo", is_live=False, base_url="", secrets={"notice_secret": SECRET})
BODY = json.dumps(
    {
        "id": "ntc-1",
        "type": "checkout.updated",
        "checkout_id": "chk-1",
        "reference": "att-1",
        "created_at": "2026-11-20T10:00:00.000Z",
    }
).encode()
HINT = Hint("ntc-1", "checkout.updated", "att-1", "chk-1")


def signed(body: bytes = BODY, *, at: datetime = NOW, secret: str = SECRET) -> str:
    """Sign as the bank's documentation says."""
    moment = str(int(at.timestamp()))
    mac = hmac.new(secret.encode(), moment.encode() + b"." + body, hashlib.sha256).hexdigest()
    return f"t={moment},v1={mac}"


def parse(signature: str | None, body: bytes = BODY) -> Hint:
    """Hand a notice to the adapter as it arrives now."""
    headers = {} if signature is None else {"sandbox-signature": signature}
    return sandbox.parse_notice(ACCESS, headers, body, NOW)


def test_a_signed_notice_is_a_hint_and_nothing_more() -> None:
    assert parse(signed()) == HINT


@pytest.mark.parametrize("seconds", [-300, -1, 1, 300])
def test_a_recent_notice_is_taken(seconds: int) -> None:
    assert parse(signed(at=NOW + timedelta(seconds=seconds))) == HINT


@pytest.mark.parametrize("seconds", [-86_400, -301, 301, 86_400])
def test_a_notice_that_is_old_or_from_the_future_is_refused(seconds: int) -> None:
    with pytest.raises(UnauthenticNoticeError):
        parse(signed(at=NOW + timedelta(seconds=seconds)))


GOOD = signed()


@pytest.mark.parametrize(
    "signature",
    [
        None,
        "",
        "t=,v1=",
        "v1=" + GOOD.partition("v1=")[2],
        GOOD.partition(",")[0],
        GOOD.replace("t=", "t= "),
        GOOD.replace("t=1", "t=0x1"),
        GOOD.replace("t=1", "t=2"),
        GOOD.replace(",", ";"),
        GOOD + "\n",
        GOOD[:-1],
        GOOD[:-1] + ("0" if GOOD[-1] != "0" else "1"),
        GOOD.upper(),
        "t=" + "9" * 5000 + ",v1=" + "0" * 64,
        "t=١٢٣,v1=" + "0" * 64,
        signed(secret="sbn_of-another-account"),
        signed(b"another body"),
    ],
    ids=range(17),
)
def test_a_notice_that_is_not_signed_rightly_is_refused(signature: str | None) -> None:
    with pytest.raises(UnauthenticNoticeError):
        parse(signature)


def test_a_body_changed_by_one_byte_is_refused() -> None:
    for place in range(len(BODY)):
        changed = BODY[:place] + bytes([BODY[place] ^ 1]) + BODY[place + 1 :]
        with pytest.raises(UnauthenticNoticeError):
            parse(GOOD, changed)
    with pytest.raises(UnauthenticNoticeError):
        parse(GOOD, BODY + b" ")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff",
        b"{}",
        b'{"id": 1, "type": "x", "reference": "a", "checkout_id": "c"}',
        b'{"id": "n", "type": "x", "reference": "a"}',
        b'{"id": "", "type": "x", "reference": "a", "checkout_id": "c"}',
        b'{"id": "n", "type": "x", "reference": "a\\u0000", "checkout_id": "c"}',
        b'{"id": "n", "type": "x", "reference": "a", "checkout_id": {"$ne": 1}}',
    ],
)
def test_a_signed_notice_that_makes_no_sense_says_so(content: bytes) -> None:
    with pytest.raises(MalformedNoticeError):
        parse(signed(content), content)


def test_fields_that_we_do_not_know_do_no_harm() -> None:
    body = json.dumps({**json.loads(BODY), "colour": "blue", "type": "checkout.painted"}).encode()
    assert parse(signed(body), body) == Hint("ntc-1", "checkout.painted", "att-1", "chk-1")
