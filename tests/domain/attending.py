"""What waits for a person, brought about by what really happens."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from tests.domain.situations import SITUATIONS
from tests.factories import Factories, everything, observed, paid
from webapp.core.money import Money
from webapp.core.states import AttentionState, EmailState, RefundState
from webapp.domain.messages import endings
from webapp.domain.payments import refund_endings, refunds, settlement
from webapp.domain.transaction import lock, transaction
from webapp.domain.transitions import transition
from webapp.models import AttentionItem, Capture, EmailMessage, PaymentAttempt, PaymentLink, Refund
from webapp.providers.base import Payment, ProviderState


def waiting() -> list[AttentionItem]:
    """Return what waits, the oldest first."""
    return [item for item in everything(AttentionItem) if item.state is AttentionState.OPEN]


def be_paid(make: Factories) -> PaymentAttempt:
    """Have a link paid."""
    attempt = make.pending()
    settlement.apply(attempt.reference, paid(attempt), actor="test")
    return attempt


def be_paid_twice(make: Factories) -> PaymentAttempt:
    """Have a link paid, and paid again."""
    attempt = be_paid(make)
    again = Payment(f"second-{attempt.id}", attempt.money, None)
    said = observed(attempt, ProviderState.PAID, again)
    settlement.apply(attempt.reference, said, actor="test")
    return attempt


def be_reversed(make: Factories) -> PaymentAttempt:
    """Have a payment sent back at the provider."""
    attempt = be_paid(make)
    settlement.apply(attempt.reference, observed(attempt, ProviderState.REVERSED), actor="test")
    return attempt


def be_answered_by_another(make: Factories) -> PaymentAttempt:
    """Have the provider tell of another account's checkout."""
    attempt = make.pending()
    said = paid(attempt)
    settlement.apply(attempt.reference, replace(said, account="not-ours"), actor="test")
    return attempt


def be_in_review(make: Factories) -> PaymentAttempt:
    """Have a link paid with too little."""
    attempt = make.pending()
    settlement.apply(attempt.reference, paid(attempt, money=Money(1, "EUR")), actor="test")
    return attempt


def refund_of(attempt: PaymentAttempt) -> Refund:
    """Ask for the newest payment's money back."""
    capture = everything(Capture)[-1]
    return refunds.request(
        attempt.link.merchant,
        attempt.link.code,
        reason="ill",
        actor="test",
        payment=capture.payment_reference,
    )


def have_refund_fail(make: Factories) -> PaymentAttempt:
    """Have a refund fail at the provider."""
    attempt = be_paid(make)
    refund = refund_of(attempt)
    with transaction():
        refund_endings.fail(refund_endings.lock_with_link(refund.id), "the provider says no")
    return attempt


def have_refund_unanswered(make: Factories) -> PaymentAttempt:
    """Have the provider not answer to a refund."""
    attempt = be_paid(make)
    refund = refund_of(attempt)
    with transaction():
        refund_endings.doubt(refund_endings.lock_with_link(refund.id), "no answer")
    return attempt


def have_email_end(make: Factories, state: EmailState) -> PaymentAttempt:
    """Have the email of a paid order refused for good, or handed over twice without an answer."""
    attempt = be_paid(make)
    message = everything(EmailMessage)[-1]
    with transaction():
        link = lock(PaymentLink, PaymentLink.id == attempt.link_id)
        message = lock(EmailMessage, EmailMessage.id == message.id)
        transition(message, EmailState.SENDING, actor="test")
        message.repeats = 1
        step = endings.fail if state is EmailState.FAILED else endings.doubt
        step(link, message, "no such mailbox")
    return attempt


# Each leaves exactly one matter, which a person can end at once.
ENDABLE: Mapping[str, Callable[[Factories], PaymentAttempt]] = {
    "surplus": be_paid_twice,
    "reversed": be_reversed,
    "mismatch": be_answered_by_another,
    "refund_failed": have_refund_fail,
    "unverified": SITUATIONS["expired unverified"],
    "message_doubtful": lambda make: have_email_end(make, EmailState.DOUBTFUL),
}


def settle_refund(refund: Refund, state: RefundState) -> None:
    """Say how a refund ended."""
    with transaction():
        locked = refund_endings.lock_with_link(refund.id)
        if state is RefundState.DONE:
            refund_endings.finish(locked, "there-1")
        else:
            refund_endings.fail(locked, "the provider says no")
