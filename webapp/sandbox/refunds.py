"""Refunds: money that the bank sent back, on the merchant's wish or at its own desk."""

import secrets
import sqlite3
from dataclasses import dataclass
from typing import Any

from webapp.core.money import Money
from webapp.sandbox.values import now, written


class UnknownPaymentError(Exception):
    """There is no such payment, or it belongs to another account."""


class RefundRefusedError(Exception):
    """The bank sends nothing back; the text says why."""


class KeyUsedError(Exception):
    """The key was used before, for something else."""


@dataclass(frozen=True)
class Refund:
    """One sending back. `key` is the merchant's; None where it was done at the bank's desk."""

    id: str
    payment_id: str
    key: str | None
    amount_minor: int
    currency: str
    made_at: float

    def as_json(self) -> dict[str, Any]:
        """Return the refund as the API shows it."""
        return {
            "id": self.id,
            "payment_id": self.payment_id,
            "key": self.key,
            "amount_minor": self.amount_minor,
            "currency": self.currency,
            "status": "done",
            "made_at": written(self.made_at),
        }


def make(
    books: sqlite3.Connection, account: str, payment_id: str, *, key: str, money: Money
) -> tuple[Refund, bool]:
    """Send money back; return the refund and whether it is new: a key sends back once.

    Raises:
        UnknownPaymentError: the account took no such payment.
        KeyUsedError: the key stands for another refund.
        RefundRefusedError: it is more than what is left, or another currency.
    """
    left = _left(books, account, payment_id)
    row = books.execute(
        "SELECT refunds.* FROM refunds JOIN payments ON payments.id = payment_id"
        " JOIN checkouts ON checkouts.id = checkout_id WHERE account = ? AND key = ?",
        (account, key),
    ).fetchone()
    if row is not None:
        known = Refund(**row)
        if (known.payment_id, known.amount_minor, known.currency) != (
            payment_id,
            money.minor,
            money.currency,
        ):
            raise KeyUsedError
        return known, False
    if money.currency != left.currency:
        raise RefundRefusedError(f"The payment was taken in {left.currency}.")
    if money.minor > left.minor:
        raise RefundRefusedError(f"Of this payment only {left} is left.")
    return _write(books, payment_id, key, money), True


def reverse(books: sqlite3.Connection, account: str, payment_id: str) -> None:
    """Send back at the bank's own desk whatever is left of a payment; nobody asked for it.

    Raises:
        UnknownPaymentError: the account took no such payment.
        RefundRefusedError: nothing is left.
    """
    left = _left(books, account, payment_id)
    if left.minor == 0:
        raise RefundRefusedError("All of this payment has been sent back.")
    _write(books, payment_id, None, left)


def of_payment(books: sqlite3.Connection, account: str, payment_id: str) -> list[Refund]:
    """Return every refund of a payment, the oldest first.

    Raises:
        UnknownPaymentError: the account took no such payment.
    """
    _left(books, account, payment_id)
    rows = books.execute(
        "SELECT * FROM refunds WHERE payment_id = ? ORDER BY made_at, rowid", (payment_id,)
    )
    return [Refund(**row) for row in rows]


def _left(books: sqlite3.Connection, account: str, payment_id: str) -> Money:
    """Return how much of a payment has not been sent back."""
    row = books.execute(
        "SELECT payments.amount_minor, payments.currency,"
        " (SELECT coalesce(sum(amount_minor), 0) FROM refunds WHERE payment_id = payments.id)"
        " AS gone FROM payments JOIN checkouts ON checkouts.id = checkout_id"
        " WHERE payments.id = ? AND account = ?",
        (payment_id, account),
    ).fetchone()
    if row is None:
        raise UnknownPaymentError
    return Money(row["amount_minor"] - row["gone"], row["currency"])


def _write(books: sqlite3.Connection, payment_id: str, key: str | None, money: Money) -> Refund:
    refund = Refund(
        f"rfd-{secrets.token_hex(12)}", payment_id, key, money.minor, money.currency, now()
    )
    books.execute(
        "INSERT INTO refunds (id, payment_id, key, amount_minor, currency, made_at)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (refund.id, payment_id, key, money.minor, money.currency, refund.made_at),
    )
    return refund
