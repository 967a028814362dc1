"""Notices to merchants: rows that say what to send and when, and how one is signed and sent."""

import hashlib
import hmac
import json
import secrets
import sqlite3
from dataclasses import dataclass
from typing import Final

import httpx2

from webapp.core.sandbox_keys import account_keys
from webapp.sandbox.values import Checkout, now, written

TIMEOUT_S: Final = 5.0
MAX_TRIES: Final = 10
# The wait after the first try that failed, the second, and so on; the last one repeats.
RETRY_AFTER_S: Final = (1.0, 5.0, 20.0, 60.0)


@dataclass(frozen=True)
class Notice:
    """One notice to be sent; `tries` counts those that went before."""

    id: int
    account: str
    url: str
    body: str
    tries: int


def queue(
    books: sqlite3.Connection, checkout: Checkout, *, delay_s: float, copies: int = 1
) -> None:
    """Promise a notice about a checkout. Copies are the same notice, sent more than once."""
    # It says that something happened and never what: the merchant has to come and read.
    body = json.dumps(
        {
            "id": f"ntc-{secrets.token_hex(12)}",
            "type": "checkout.updated",
            "checkout_id": checkout.id,
            "reference": checkout.order.reference,
            "created_at": written(now()),
        }
    )
    books.executemany(
        "INSERT INTO notices (checkout_id, body, due_at) VALUES (?, ?, ?)",
        [(checkout.id, body, now() + delay_s)] * copies,
    )


def pending(books: sqlite3.Connection, limit: int) -> list[tuple[int, float]]:
    """Return the notices still to be sent, soonest first, each with its due moment."""
    rows = books.execute(
        "SELECT id, due_at FROM notices WHERE ended_at IS NULL ORDER BY due_at, id LIMIT ?",
        (limit,),
    )
    return [(row["id"], row["due_at"]) for row in rows]


def get(books: sqlite3.Connection, notice_id: int) -> Notice:
    """Return what is needed to send a notice."""
    row = books.execute(
        "SELECT notices.id, account, notice_url, body, tries FROM notices"
        " JOIN checkouts ON checkouts.id = checkout_id WHERE notices.id = ?",
        (notice_id,),
    ).fetchone()
    return Notice(row["id"], row["account"], row["notice_url"], row["body"], row["tries"])


def record(books: sqlite3.Connection, notice: Notice, *, is_delivered: bool) -> None:
    """Write down how a try ended: the notice is done, given up, or due again later."""
    tries = notice.tries + 1
    if is_delivered or tries >= MAX_TRIES:
        books.execute(
            "UPDATE notices SET tries = ?, ended_at = ? WHERE id = ?", (tries, now(), notice.id)
        )
    else:
        due_at = now() + RETRY_AFTER_S[min(tries, len(RETRY_AFTER_S)) - 1]
        books.execute(
            "UPDATE notices SET tries = ?, due_at = ? WHERE id = ?", (tries, due_at, notice.id)
        )


def signature(notice_secret: str, body: bytes, at: int) -> str:
    """Return the header that proves the raw body and the moment (seconds since 1970) are ours."""
    signed = f"{at}.".encode() + body
    mac = hmac.new(notice_secret.encode(), signed, hashlib.sha256).hexdigest()
    return f"t={at},v1={mac}"


def send(client: httpx2.Client, notice: Notice, secret: str) -> bool:
    """Post a notice once and say whether the merchant took it (any 2xx)."""
    body = notice.body.encode()
    keys = account_keys(secret, notice.account)
    headers = {
        "Content-Type": "application/json",
        "Sandbox-Signature": signature(keys.notice_secret, body, int(now())),
    }
    try:
        # The answer's body is of no interest, so it is not read.
        with client.stream("POST", notice.url, content=body, headers=headers) as answer:
            return answer.is_success
    except (httpx2.HTTPError, httpx2.InvalidURL):
        return False
