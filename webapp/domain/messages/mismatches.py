"""Mismatches: money or answers that are not what we asked for, told in the same manner."""

from typing import Final

from webapp.domain.messages import alerts
from webapp.models import PaymentAttempt, PaymentLink
from webapp.providers.base import Observation

_AMOUNT: Final = "amount_mismatch"
_FOREIGN: Final = "foreign_answer"


def tell_amount(attempt: PaymentAttempt, received: str) -> None:
    """Alert that another amount or currency came in, in this transaction.

    Args:
        attempt: whose checkout took it.
        received: all of it, such as `24.99 EUR`.
    """
    link = attempt.link
    _tell(
        attempt,
        _AMOUNT,
        subject=link.reference,
        what="Amount",
        expected=str(attempt.money),
        received=received,
    )


def tell_foreign(attempt: PaymentAttempt, observation: Observation) -> None:
    """Alert that the provider's answer is about something that is not ours, in this transaction.

    Args:
        attempt: what was asked about.
        observation: the answer, which was not booked.
    """
    account = attempt.provider_account
    said = {
        "Account": (account.external_account, observation.account),
        "Reference": (attempt.reference, observation.reference),
        "Checkout": (attempt.checkout_id, observation.checkout_id),
        "Mode": (_mode(is_live=account.is_live), _mode(is_live=observation.is_live)),
    }
    # What either side does not name is no difference.
    differing = {
        what: (ours, theirs)
        for what, (ours, theirs) in said.items()
        if ours and theirs and ours != theirs
    }
    _tell(
        attempt,
        _FOREIGN,
        subject=attempt.reference,
        what=" and ".join(differing),
        expected=", ".join(ours for ours, _ in differing.values()),
        received=", ".join(theirs for _, theirs in differing.values()),
        also=f"The provider says {observation.state.lower()}. No money was booked.\n",
    )


def end(subject: str) -> None:
    """End what was told of a mismatch: a person has decided. In this transaction.

    Args:
        subject: the order's reference, or the attempt's.
    """
    for kind in (_AMOUNT, _FOREIGN):
        alerts.end(kind, subject)


def order_path(link: PaymentLink) -> str:
    """Return the page at the desk that shows an order."""
    return f"/desk/links/{link.reference}"


def _mode(*, is_live: bool | None) -> str | None:
    if is_live is None:
        return None
    return "live mode" if is_live else "test mode"


def _tell(
    attempt: PaymentAttempt,
    kind: str,
    *,
    subject: str,
    what: str,
    expected: str,
    received: str,
    also: str = "",
) -> None:
    link = attempt.link
    customer = link.buyer_email or attempt.session.buyer_email
    alerts.raise_once(
        "critical",
        kind,
        subject=subject,
        headline=f"{what} Mismatch - Order {link.reference}",
        body=(
            "CRITICAL PAYMENT ISSUE\n"
            f"Order: {link.reference}\n"
            f"Expected: {expected}\n"
            f"Received: {received}\n"
            f"{also}"
            f"Customer: {customer or 'unknown'}\n"
            f"Customer's name: {link.buyer_name or 'unknown'}\n"
            "This order requires IMMEDIATE manual review.\n"
            "Do NOT issue tickets until verified.\n"
        ),
        merchant_id=link.merchant_id,
        path=order_path(link),
    )
