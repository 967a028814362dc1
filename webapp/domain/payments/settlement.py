"""The one door: the only code that turns a provider's word into money or a state."""

from collections.abc import Mapping
from enum import StrEnum

import structlog
from sqlalchemy import select

from webapp.core.states import (
    MAY_HOLD_MONEY,
    AttemptState,
    SessionState,
)
from webapp.domain.messages import attention, mismatches, patterns
from webapp.domain.payments import attempts, captures, closing, creations, reversals
from webapp.domain.transaction import transaction
from webapp.domain.transitions import transition
from webapp.extensions import db
from webapp.models import PaymentAttempt, ProviderAccount
from webapp.providers.base import STILL_PAYABLE, Observation, ProviderState, Recovery
from webapp.providers.registry import ADAPTERS

logger = structlog.get_logger(__name__)


_WAITING = frozenset({ProviderState.OPEN, ProviderState.PROCESSING})


class Outcome(StrEnum):
    """What an observation changed."""

    NOTHING_NEW = "nothing_new"  # known already, or still waiting
    OPENED = "opened"  # the checkout that we had lost sight of is known now
    PAID = "paid"
    HELD = "held"  # money came in and a person decides
    SURPLUS = "surplus"  # money came in for a link that is paid already
    FOREIGN = "foreign"  # the answer is about something that is not ours
    DECLINED = "declined"  # the last try failed, the checkout can still be paid
    ENDED = "ended"  # the attempt takes no money any more
    REVERSED = "reversed"  # refunded or charged back at the provider


def apply(reference: str, observation: Observation, *, actor: str) -> Outcome:
    """Make an attempt's rows agree with what its provider said at a read.

    The notice, the page, the sweep, the command line and the merchant's button all end here, and
    however often and however many at once they do, only the first changes anything.

    Args:
        reference: the attempt that was asked about.
        observation: what the provider said, from a read and never from a notice's body.
        actor: who asked: `provider:sandbox`, `cli`, `sweep:closing`.

    Raises:
        NotFoundError: there is no such attempt.
    """
    if nothing_new({reference: observation}):
        return Outcome.NOTHING_NEW
    with transaction() as after_commit:
        attempt = attempts.lock_with_link(reference, also_event=bool(observation.payments))
        if _is_foreign(attempt, observation):
            outcome = _refuse_foreign(attempt, observation, actor)
        else:
            outcome = _settle(attempt, observation, actor)
        if outcome is Outcome.PAID:
            captures.announce(after_commit)
    logger.info(
        "observation_applied",
        attempt=reference,
        provider_state=observation.state.value,
        outcome=outcome.value,
        actor=actor,
    )
    return outcome


def nothing_new(said: Mapping[str, Observation]) -> set[str]:
    """Return those attempts of which we hear what we know: nobody has paid yet.

    That is the commonest answer by far. One question for many of them, and without a lock, spares
    each a transaction of its own.

    Args:
        said: what providers said, by the attempts' references.
    """
    waiting = {name: one for name, one in said.items() if one.state in _WAITING}
    if not waiting:
        return set()
    rows = db.session.execute(
        select(
            PaymentAttempt.reference,
            PaymentAttempt.request["reference"].astext.label("name_there"),
            PaymentAttempt.state,
            PaymentAttempt.checkout_id,
            ProviderAccount.external_account,
            ProviderAccount.is_live,
        )
        .join(ProviderAccount, ProviderAccount.id == PaymentAttempt.provider_account_id)
        .where(PaymentAttempt.reference.in_(list(waiting)))
    )
    known = set()
    for row in rows:
        one = waiting[row.reference]
        ours = (row.name_there, row.checkout_id, row.external_account, row.is_live)
        theirs = (one.reference, one.checkout_id, one.account, one.is_live)
        if row.state is not AttemptState.CREATED and ours == theirs:
            known.add(row.reference)
    return known


def _is_foreign(attempt: PaymentAttempt, observation: Observation) -> bool:
    account = attempt.provider_account
    return (
        attempt.name_there not in {"", observation.reference}
        or observation.account != account.external_account
        or observation.is_live != account.is_live
        or attempt.checkout_id not in {None, observation.checkout_id}
    )


def _refuse_foreign(attempt: PaymentAttempt, observation: Observation, actor: str) -> Outcome:
    """Not "payment received": another account, reference, checkout or mode. No capture."""
    sight = "|".join(
        (
            observation.account or "unnamed",
            observation.reference,
            observation.checkout_id,
            "live" if observation.is_live else "test",
            observation.state,
        )
    )
    is_news = attention.raise_item(
        attempt.link,
        "mismatch",
        "The provider's answer is about another account, reference or mode. No money was booked.",
        actor=actor,
        subject=attempt.reference,
        sight=sight[:500],
    )
    if is_news:
        mismatches.tell_foreign(attempt, observation)
    return Outcome.FOREIGN


def _settle(attempt: PaymentAttempt, observation: Observation, actor: str) -> Outcome:
    """Go by what the provider says of a checkout that is ours."""
    was_unknown = attempt.checkout_id is None
    if was_unknown:
        creations.adopt(attempt, observation.checkout_id, observation.checkout_url, actor=actor)
        attempt.order_id = attempt.order_id or observation.order_id
        if observation.state in STILL_PAYABLE:
            _take_up(attempt, actor)
    match observation.state:
        case ProviderState.OPEN | ProviderState.PROCESSING:
            return Outcome.OPENED if was_unknown else Outcome.NOTHING_NEW
        case ProviderState.ATTEMPT_FAILED if attempt.state not in MAY_HOLD_MONEY:
            return Outcome.NOTHING_NEW
        case ProviderState.ATTEMPT_FAILED:
            attempts.note_declined(attempt, actor=actor, reason=observation.reason)
            return Outcome.DECLINED
        case ProviderState.FAILED:
            return _end(attempt, AttemptState.FAILED, actor, observation.reason)
        case ProviderState.CLOSED:
            is_cancel = attempt.link.closing_for == closing.CANCEL
            ended = AttemptState.CANCELED if is_cancel else AttemptState.EXPIRED
            return _end(attempt, ended, actor, observation.reason)
        case ProviderState.REVERSED:
            return _note_reversal(attempt, observation, actor)
        case ProviderState.PAID:
            return _book(attempt, observation, actor)


def _take_up(attempt: PaymentAttempt, actor: str) -> None:
    """Go on with a checkout whose making was not answered, where somebody can be sent there."""
    limits = ADAPTERS[attempt.provider_account.provider].CAPABILITIES
    if limits.recovery is Recovery.WATCH_ONLY:
        creations.note_unreachable(attempt, actor=actor)
    else:
        creations.revive(attempt, actor=actor)


def _end(attempt: PaymentAttempt, to: AttemptState, actor: str, reason: str | None) -> Outcome:
    """End an attempt unpaid. One that was paid stays so, whatever is said afterwards."""
    if attempt.state not in MAY_HOLD_MONEY:
        return Outcome.NOTHING_NEW
    transition(attempt, to, actor=actor, reason=(reason or "")[:200])
    attempts.interrupt(attempt, "declined" if to is AttemptState.FAILED else "timeout", actor=actor)
    if to is AttemptState.FAILED:
        patterns.note_failed_attempt(attempt.reference)
    attempts.weigh(attempt.link)
    return Outcome.ENDED


def _note_reversal(attempt: PaymentAttempt, observation: Observation, actor: str) -> Outcome:
    """Money went back at the provider. Tickets stay until a person voids them."""
    outcome = Outcome.REVERSED
    if observation.payments:
        outcome = _book(attempt, observation, actor, was_reversed=True)
    if observation.went_back is not None and len(observation.payments) == 1:
        taken = observation.payments[0].reference
        is_news = reversals.weigh(attempt, taken, observation.went_back, actor=actor)
        return Outcome.REVERSED if is_news else outcome
    is_news = attention.raise_item(
        attempt.link,
        "reversed",
        "The provider says that this payment was refunded or charged back there.",
        actor=actor,
        subject=attempt.reference,
        sight=observation.raw_state[:200] or "reversed",
    )
    return Outcome.REVERSED if is_news else outcome


def _book(
    attempt: PaymentAttempt, observation: Observation, actor: str, *, was_reversed: bool = False
) -> Outcome:
    """Write down money that was taken, and end the attempt and the buyer's sitting as paid."""
    booked = captures.take(attempt, observation.payments, actor=actor, was_reversed=was_reversed)
    if booked is None:
        return Outcome.NOTHING_NEW
    if attempt.state not in MAY_HOLD_MONEY:  # somebody may have been asked about it meanwhile
        attention.end_items(
            attempt.link, "unverified", actor=actor, reason="the provider answered: paid"
        )
    if attempt.state is not AttemptState.SUCCEEDED:
        transition(attempt, AttemptState.SUCCEEDED, actor=actor)
    if attempt.session.state is not SessionState.COMPLETED:
        transition(attempt.session, SessionState.COMPLETED, actor=actor)
    attempts.weigh(attempt.link)
    return {
        captures.Booked.FULFILLED: Outcome.PAID,
        captures.Booked.HELD: Outcome.HELD,
        captures.Booked.SURPLUS: Outcome.SURPLUS,
    }[booked]
