"""The steps of a checkout: opened, found, paid, declined, closed, and paid late."""

import secrets
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from webapp.core.money import Money, exponent
from webapp.sandbox.values import (
    Checkout,
    DuplicateReferenceError,
    NotOpenError,
    Order,
    Payment,
    Status,
    UnknownCheckoutError,
    now,
    written,
)


def make(books: sqlite3.Connection, account: str, order: Order) -> Checkout:
    """Open a checkout.

    Raises:
        DuplicateReferenceError: the account has used the reference before.
    """
    known = books.execute(
        "SELECT id FROM checkouts WHERE account = ? AND reference = ?", (account, order.reference)
    ).fetchone()
    if known:
        raise DuplicateReferenceError(known["id"])
    checkout_id = f"chk-{secrets.token_hex(16)}"
    books.execute(
        "INSERT INTO checkouts (id, account, reference, status, amount_minor, currency,"
        " description, merchant_name, return_url, notice_url, expires_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            checkout_id,
            account,
            order.reference,
            Status.OPEN,
            order.money.minor,
            order.money.currency,
            order.description,
            order.merchant_name,
            order.return_url,
            order.notice_url,
            order.expires_at.timestamp(),
        ),
    )
    return get(books, checkout_id)


def get(books: sqlite3.Connection, checkout_id: str, *, account: str | None = None) -> Checkout:
    """Return a checkout, of one account only if one is given.

    Raises:
        UnknownCheckoutError: there is none.
    """
    row = books.execute("SELECT * FROM checkouts WHERE id = ?", (checkout_id,)).fetchone()
    if row is None or account not in {None, row["account"]}:
        raise UnknownCheckoutError
    return _read(books, row)


def find(books: sqlite3.Connection, account: str, reference: str) -> Checkout:
    """Return the account's checkout with this reference.

    Raises:
        UnknownCheckoutError: there is none.
    """
    row = books.execute(
        "SELECT * FROM checkouts WHERE account = ? AND reference = ?", (account, reference)
    ).fetchone()
    if row is None:
        raise UnknownCheckoutError
    return _read(books, row)


def ledger(books: sqlite3.Connection, account: str) -> list[dict[str, Any]]:
    """Return every payment the account took, oldest first, as the API shows it."""
    rows = books.execute(
        "SELECT payments.*, reference FROM payments JOIN checkouts ON checkouts.id = checkout_id"
        " WHERE account = ? ORDER BY paid_at, payments.rowid",
        (account,),
    )
    return [
        {
            "payment_id": row["id"],
            "checkout_id": row["checkout_id"],
            "reference": row["reference"],
            "amount_minor": row["amount_minor"],
            "currency": row["currency"],
            "paid_at": written(row["paid_at"]),
        }
        for row in rows
    ]


def must_be_open(checkout: Checkout) -> None:
    """Let only an open checkout pass.

    Raises:
        NotOpenError: it has ended.
    """
    if checkout.status is not Status.OPEN:
        raise NotOpenError(checkout)


def take(books: sqlite3.Connection, checkout: Checkout, *, more_major_units: int = 0) -> None:
    """Take the money: what was asked for, and whole units of the currency more if so wished."""
    money = checkout.order.money
    books.execute(
        "INSERT INTO payments (id, checkout_id, amount_minor, currency, paid_at)"
        " VALUES (?, ?, ?, ?, ?)",
        (
            f"pay-{secrets.token_hex(12)}",
            checkout.id,
            money.minor + more_major_units * 10 ** exponent(money.currency),
            money.currency,
            now(),
        ),
    )
    _set_status(books, checkout, Status.PAID, reason=None)


def decline(books: sqlite3.Connection, checkout: Checkout) -> None:
    """Refuse the payment for good: this checkout takes no money any more."""
    _set_status(books, checkout, Status.DECLINED, reason="declined")


def close(books: sqlite3.Connection, checkout: Checkout) -> Checkout:
    """End an open checkout without payment.

    Raises:
        NotOpenError: it has ended already.
    """
    must_be_open(checkout)
    books.execute("UPDATE checkouts SET closed_at = ? WHERE id = ?", (now(), checkout.id))
    _set_status(books, checkout, Status.CLOSED, reason="closed")
    return replace(checkout, status=Status.CLOSED, reason="closed")


def pay_late(books: sqlite3.Connection, checkout: Checkout) -> None:
    """Wish that the money is taken some time after the checkout ended; nothing shows until then."""
    books.execute("UPDATE checkouts SET pays_late = 1 WHERE id = ?", (checkout.id,))


def next_late_payment(books: sqlite3.Connection, late_s: float) -> tuple[str, float] | None:
    """Return the checkout whose late payment comes first, and when that is due."""
    row = books.execute(
        "SELECT id, coalesce(closed_at, expires_at) AS ended_at FROM checkouts"
        " WHERE pays_late AND status IN ('open', 'closed') ORDER BY ended_at LIMIT 1"
    ).fetchone()
    return None if row is None else (row["id"], row["ended_at"] + late_s)


def _set_status(
    books: sqlite3.Connection, checkout: Checkout, status: Status, *, reason: str | None
) -> None:
    books.execute(
        "UPDATE checkouts SET status = ?, reason = ? WHERE id = ?", (status, reason, checkout.id)
    )


def _read(books: sqlite3.Connection, row: sqlite3.Row) -> Checkout:
    status, reason = Status(row["status"]), row["reason"]
    # An expired checkout closes itself by being looked at: no row has to change for it.
    if status is Status.OPEN and row["expires_at"] <= now():
        status, reason = Status.CLOSED, "expired"
    payments = books.execute("SELECT * FROM payments WHERE checkout_id = ?", (row["id"],))
    return Checkout(
        id=row["id"],
        account=row["account"],
        status=status,
        order=Order(
            reference=row["reference"],
            money=Money(row["amount_minor"], row["currency"]),
            description=row["description"],
            merchant_name=row["merchant_name"],
            return_url=row["return_url"],
            notice_url=row["notice_url"],
            expires_at=datetime.fromtimestamp(row["expires_at"], UTC),
        ),
        reason=reason,
        payments=tuple(
            Payment(paid["id"], paid["amount_minor"], paid["currency"], paid["paid_at"])
            for paid in payments
        ),
    )
