"""What became of our request for a checkout, however late, and however often, that is known."""

from datetime import timedelta

from webapp import jobs
from webapp.core.session_words import Interruption
from webapp.core.states import MAY_HOLD_MONEY, AttemptState, LinkState, SessionState
from webapp.domain.messages import attention, patterns
from webapp.domain.payments import closing
from webapp.domain.payments.attempts import interrupt, lock_with_link, replace, weigh
from webapp.domain.transaction import after_commit, database_now, transaction
from webapp.domain.transitions import transition
from webapp.extensions import settings
from webapp.models import PaymentAttempt
from webapp.providers.base import Created, Creation, Recovery, Refused
from webapp.providers.registry import ADAPTERS


def record(reference: str, creation: Creation, *, actor: str) -> str | None:
    """Write down what became of our request for a checkout, however late that is known.

    The same answer twice, or one that comes after a read has told more, changes nothing.

    Returns:
        Where the buyer pays, or None when nobody knows yet or the provider refused.
    """
    with transaction():
        attempt = lock_with_link(reference)
        if isinstance(creation, Created):
            adopt(attempt, creation.checkout_id, creation.url, actor=actor)
            attempt.order_id = attempt.order_id or creation.order_id
            revive(attempt, actor=actor)
            if not _may_be_shown(attempt):
                return None  # somebody may have paid otherwise by now: the page says what is so
        elif isinstance(creation, Refused):
            if attempt.state is AttemptState.CREATED:
                _fail(attempt, creation.reason[:200], "refused", actor=actor)
                if not creation.is_unauthorised:  # that is the merchant's doing, not the buyer's
                    patterns.note_failed_attempt(reference)
        else:
            _follow_up(attempt)
        return attempt.checkout_url


def _may_be_shown(attempt: PaymentAttempt) -> bool:
    """Whether a buyer may be sent to its checkout: nobody has paid, or wants to have it closed."""
    link = attempt.link
    return (
        attempt.is_current
        and attempt.state in MAY_HOLD_MONEY
        and link.state is LinkState.OPEN
        and closing.lets_finish(link.closing_for)
    )


def leave_to_a_worker(reference: str) -> None:
    """Note that the provider was not asked: a worker asks it, and soon."""
    with transaction():
        attempt = lock_with_link(reference)
        if attempt.state is AttemptState.CREATED and attempt.checkout_id is None:
            attempt.start_tries = 0
            _follow_up(attempt)


def count_try(attempt: PaymentAttempt) -> bool:
    """Take one of the tries that an unanswered attempt has; say whether there was one.

    It is counted, and committed, before the provider is asked: a worker that is killed again and
    again must not ask for ever. Nothing is asked twice before a read has found nothing, nor after
    the buyer was told that it takes too long. Whoever calls holds the attempt's row.
    """
    tries = attempt.start_tries
    if attempt.state is not AttemptState.CREATED or tries >= settings.start_tries:
        return False
    link = attempt.link
    if link.state is not LinkState.OPEN or link.closing_for is not None:
        return False
    if not attempt.provider_account.takes_payments:
        return False
    age_s = (database_now() - attempt.created_at).total_seconds()
    if age_s >= settings.start_timeout_s:
        return False
    was_missed = attempt.missing_count > 0 and age_s >= tries * settings.start_pause_s
    # Where the same request is the only read there is, it is sent anyway.
    is_safe = tries == 0 or was_missed or _is_read_by_asking(attempt)
    if is_safe:
        attempt.start_tries += 1
        attempt.missing_count = 0  # what is missing from now on is missing after this try
    return is_safe


def _follow_up(attempt: PaymentAttempt) -> None:
    """Have a worker find out what became of an attempt; the caller holds its lock.

    A read can come at once. To ask again, where that is the only way, comes after a pause.
    """
    attempt.next_check_at = database_now()
    if attempt.start_tries and _is_read_by_asking(attempt):
        attempt.next_check_at += timedelta(seconds=settings.start_pause_s)
        after_commit(jobs.kick, jobs.JobName.VERIFICATION)
    else:
        after_commit(jobs.check, attempt.reference)


def _is_read_by_asking(attempt: PaymentAttempt) -> bool:
    limits = ADAPTERS[attempt.provider_account.provider].CAPABILITIES
    return limits.recovery is Recovery.SAME_REQUEST


def adopt(attempt: PaymentAttempt, checkout_id: str, url: str | None, *, actor: str) -> None:
    """Remember the provider's checkout for an attempt; the caller holds the locks."""
    if attempt.checkout_id is None:
        attempt.checkout_id = checkout_id
        if attempt.state is AttemptState.FAILED:
            watched = timedelta(seconds=settings.watch_after_end_s)
            attempt.watch_until = max(attempt.watch_until, attempt.link.expires_at + watched)
        soon = timedelta(seconds=settings.check_new_every_s)
        attempt.next_check_at = database_now() + soon
    elif attempt.checkout_id != checkout_id:
        attention.raise_item(
            attempt.link,
            "mismatch",
            "The provider made two checkouts for one attempt; only the first is shown.",
            actor=actor,
            subject=attempt.reference,
            sight=checkout_id,
        )
        return
    attempt.checkout_url = attempt.checkout_url or url
    if attempt.state is AttemptState.CREATED:
        transition(attempt, AttemptState.PENDING, actor=actor)


def revive(attempt: PaymentAttempt, *, actor: str) -> None:
    """Go on with an attempt whose checkout came after all, when nobody waited for it any more.

    It was given up as never made, or the sitting was interrupted because it took so long. Only
    while its link is open: of one that has ended the checkout is watched, and no more. The caller
    holds the locks.
    """
    link, session = attempt.link, attempt.session
    if link.state is not LinkState.OPEN:
        return
    was_given_up = attempt.state is AttemptState.FAILED
    if was_given_up:
        transition(attempt, AttemptState.PENDING, actor=actor)
        weigh(link)
    was_slow = attempt.state is AttemptState.PENDING and session.interruption == "timeout"
    is_interrupted = session.state is SessionState.INTERRUPTED and attempt.is_current
    if is_interrupted and (was_given_up or (was_slow and link.closing_for is None)):
        transition(session, SessionState.PROCESSING, actor=actor)
        session.interruption = None


def note_missing(reference: str, *, actor: str, refusal: str | None = None) -> None:
    """Note that the provider knows no such checkout.

    It may have been asked for it once more, and have refused: then there will be none. Otherwise
    our request may still be on its way to it: only after a minute and two such reads does "missing"
    count as "never made". A checkout that was there before and is missing now proves nothing.
    """
    with transaction():
        attempt = lock_with_link(reference)
        if attempt.state is not AttemptState.CREATED or attempt.checkout_id is not None:
            return
        attempt.missing_count += 1
        if refusal is not None:
            _fail(attempt, refusal[:200], "refused", actor=actor)
            return
        age = database_now() - attempt.created_at
        if attempt.missing_count >= 2 and age.total_seconds() >= settings.never_made_after_s:
            _fail(attempt, "never made", "network", actor=actor)


def note_unmade(reference: str, *, actor: str) -> None:
    """Note that the identical request was answered again, and again without a checkout.

    A provider that repeats an answer by its key repeats an error too, for a day. Nobody was ever
    told where this checkout would be paid, so after a while the buyer may begin another.
    """
    with transaction():
        attempt = lock_with_link(reference)
        if attempt.state is not AttemptState.CREATED or attempt.checkout_id is not None:
            return
        age = database_now() - attempt.created_at
        if age.total_seconds() >= settings.never_shown_after_s:
            _fail(attempt, "never shown", "network", actor=actor)


def note_unreachable(attempt: PaymentAttempt, *, actor: str) -> None:
    """Note that a checkout was made, and that the answer which said where is lost for good.

    Nobody can be sent there, so another takes its place while somebody waits, or the buyer may
    begin one. This one is watched on. The caller holds the locks.
    """
    if attempt.state is AttemptState.PENDING and attempt.checkout_url is None:
        transition(attempt, AttemptState.EXPIRED, actor=actor, reason="its address was lost")
        if replace(attempt) is None:
            interrupt(attempt, "network", actor=actor)
            weigh(attempt.link)


def _fail(attempt: PaymentAttempt, reason: str, why: Interruption, *, actor: str) -> None:
    """End an attempt without a checkout; the caller holds the locks.

    Where nothing is found by our own name, no read can tell any more of it. So nobody watches it:
    the end of its link, or who asks for the order, would wait for an answer that never comes.
    """
    transition(attempt, AttemptState.FAILED, actor=actor, reason=reason)
    interrupt(attempt, why, actor=actor)
    weigh(attempt.link)
    if _is_read_by_asking(attempt):
        attempt.watch_until, attempt.next_check_at = database_now(), None
