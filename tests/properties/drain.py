"""The end of a history: the bank is well again, time passes until nobody watches; then we count."""

from datetime import timedelta
from typing import Final

from tests.properties.bank import Bank, Entry
from tests.properties.books import Books
from tests.properties.world import World
from webapp.core.states import MAY_HOLD_MONEY, LinkState, RefundState
from webapp.domain.budget import Budget
from webapp.domain.payments import (
    audit,
    expiry,
    refund_rounds,
    reversal_rounds,
    sessions,
    verification,
)

# When something is due next, and how long an attempt that is not read before that is still watched.
_NEXT: Final = """
SELECT extract(epoch FROM least(
    (SELECT min(greatest(next_check_at, check_lease_until)) FROM payment_attempt
      WHERE watch_until > now()),
    (SELECT min(watch_until) FROM payment_attempt WHERE state IN ('CREATED', 'PENDING')),
    (SELECT min(expires_at) FROM payment_link WHERE state = 'OPEN' AND closing_for IS NULL),
    (SELECT min(greatest(next_step_at, lease_until)) FROM refund),
    (SELECT min(closing_due_at) FROM payment_link WHERE closing_for IS NOT NULL)
  ) - now()),
  extract(epoch FROM (SELECT min(watch_until) FROM payment_attempt
    WHERE watch_until > now() + interval '30 s' AND next_check_at IS NOT NULL) - now())
"""
_MOST_ROUNDS: Final = 60
# The last read comes a minute before the watch ends; a sweep comes in time for it.
_BEFORE_THE_END_S: Final = 30


def drain(world: World, bank: Bank, books: Books) -> None:
    """Let everything come to its end, and find all money where it belongs."""
    bank.recover()
    books.look()
    watched = {row["reference"] for row in books.attempts if row["is_watched"]}
    _run_until_the_end(world, bank, books)
    sessions.expire_due()
    books.look()
    ledger = bank.ledger()
    books.check(bank, ledger)
    _check_all_has_ended(books)
    _check_refunds(bank, books)
    captured = {capture["payment_reference"] for capture in books.captures}
    missing = [entry for entry in ledger if entry.payment not in captured]
    lost = [entry for entry in missing if entry.reference in watched and _is_known(books, entry)]
    assert not lost, f"the bank took it, and we never saw it: {lost}"
    assert audit.run().findings == []


def _run_until_the_end(world: World, bank: Bank, books: Books) -> None:
    """Run the sweeps whenever something is due, ever more seldom."""
    for number in range(_MOST_ROUNDS):
        bank.recover()
        verification.run_due(Budget.of(seconds=60))
        expiry.run_due(Budget.of(seconds=60))
        refund_rounds.run_due(Budget.of(seconds=60))
        reversal_rounds.run_due(Budget.of(seconds=60))
        due_s, watch_s = world.database.execute(_NEXT).fetchone() or (None, None)
        if due_s is None:
            return
        seconds = max(float(due_s) + 1, 60.0 * 8 ** min(number, 4))
        if watch_s is not None:
            seconds = min(seconds, max(float(watch_s) - _BEFORE_THE_END_S, float(due_s) + 1))
        world.times.pass_by(timedelta(seconds=max(seconds, 1)))
    books.look()
    raise AssertionError(f"no end in sight: {books.links} {books.attempts}")


def _check_all_has_ended(books: Books) -> None:
    for link in books.links:
        assert link["state"] not in {LinkState.OPEN, LinkState.DRAFT}, link
        assert link["closing_for"] is None, link
    for attempt in books.attempts:
        assert attempt["state"] not in MAY_HOLD_MONEY, attempt


def _check_refunds(bank: Bank, books: Books) -> None:
    """What went back at the bank is what we say went back."""
    gone = bank.sent_back()
    for refund in books.refunds:
        assert refund["state"] in {RefundState.DONE, RefundState.FAILED}, refund
    for capture in books.captures:
        done = sum(
            refund["amount_minor"]
            for refund in books.refunds
            if refund["capture_id"] == capture["id"] and refund["state"] == RefundState.DONE
        )
        assert done == gone.get(capture["payment_reference"], 0), (capture, books.refunds, gone)


def _is_known(books: Books, entry: Entry) -> bool:
    """Whether the provider could be asked about it: some go only by a name of their own."""
    row = next(row for row in books.attempts if row["reference"] == entry.reference)
    return row["checkout_id"] is not None
