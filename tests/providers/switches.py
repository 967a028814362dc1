"""Everything that providers do wrong, each as a story that a till tells to its end.

Their names are the rows of the table in docs/providers.md.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Final

from tests.factories import fresh
from tests.providers.tills import NotThereError, Till
from webapp.core import clock
from webapp.core.states import AttemptState, LinkState

Story = Callable[[Till], None]


def all_goes_well(till: Till) -> None:
    attempt = till.start()
    till.pay(attempt)
    if not till.sends_notices:
        till.sweep()
    till.hear()
    till.check()


def lost_notice(till: Till) -> None:
    till.notices("drop")
    attempt = till.start()
    till.pay(attempt)
    till.hear()
    till.check()
    assert fresh(attempt.link).state is LinkState.OPEN
    till.sweep()


def notice_twice(till: Till) -> None:
    till.notices("twice")
    till.pay(till.start())
    till.hear()
    till.check()
    till.sweep()


def notices_out_of_order(till: Till) -> None:
    till.notices("after_next")
    first, second = till.start(), till.start()
    till.pay(first)
    till.pay(second)
    till.hear()
    till.check()


def late_notice(till: Till) -> None:
    till.notices("late", seconds=100)
    attempt = till.start()
    till.pay(attempt)
    till.sweep()
    assert fresh(attempt.link).state is LinkState.PAID
    till.hurry()
    till.hear()
    till.check()


def pending_after_return(till: Till) -> None:
    attempt = till.start()
    try:
        till.pay_and_lag(attempt)
    except NotThereError:
        till.begin_paying(attempt)
        till.sweep()
        till.finish_paying(attempt)
    till.sweep()
    till.sweep()


def declined_first(till: Till) -> None:
    attempt = till.start()
    till.decline(attempt)
    till.sweep()
    till.pay(till.reach(attempt.link))
    till.sweep()


def _unreadable(till: Till, way: str, seconds: float = 0) -> None:
    attempt = till.start()
    till.pay(attempt)
    till.hear()
    till.fault("read", way, seconds=seconds)
    till.sweep()
    assert fresh(attempt.link).state is LinkState.OPEN
    if way in {"busy", "unavailable"}:
        due = fresh(attempt).next_check_at
        assert due is not None
        assert due > clock.now() + timedelta(seconds=seconds / 2)
    till.configure(provider_timeout_s=10)
    till.sweep()


def too_many_requests(till: Till) -> None:
    _unreadable(till, "busy", seconds=60)


def unavailable(till: Till) -> None:
    _unreadable(till, "unavailable", seconds=60)


def malformed(till: Till) -> None:
    _unreadable(till, "malformed")


def slow(till: Till) -> None:
    till.configure(provider_timeout_s=0.3)
    _unreadable(till, "slow", seconds=3)


def never_readable(till: Till) -> None:
    attempt = till.start()
    till.pay(attempt)
    till.hear()
    till.fault("read", "malformed", times=100)
    till.sweep()
    till.make.change(attempt, watch_until=clock.now())
    till.end(attempt.link)


def revoked(till: Till) -> None:
    attempt = till.start()
    till.pay(attempt)
    till.hear()
    till.revoke()
    till.sweep()
    till.make.change(attempt, watch_until=clock.now())
    till.end(attempt.link)


def lost_answer(till: Till) -> None:
    till.fault("create", "cut")
    attempt = till.start()
    assert attempt.state is AttemptState.CREATED
    till.sweep()
    till.pay(till.reach(attempt.link))
    till.sweep()


def lost_request(till: Till) -> None:
    till.fault("create", "lost")
    attempt = till.start()
    till.age(attempt, 61)
    till.sweep()
    till.sweep()
    till.pay(till.reach(attempt.link))
    till.sweep()


def late_answer(till: Till) -> None:
    till.fault("create", "crashed")
    attempt = till.start()
    till.sweep()
    till.pay(till.reach(attempt.link))
    till.sweep()


def repeated_error(till: Till) -> None:
    till.repeat_an_error()
    attempt = till.start()
    till.age(attempt, 3600)
    till.sweep()
    till.pay(till.reach(attempt.link))
    till.sweep()


def refused_request(till: Till) -> None:
    till.fault("create", "refused")
    attempt = till.start()
    assert attempt.state is AttemptState.FAILED
    till.pay(till.reach(attempt.link))
    till.sweep()


def wrong_amount(till: Till) -> None:
    till.pay_wrong(till.start())
    till.sweep()


def wrong_currency(till: Till) -> None:
    till.pay_foreign(till.start())
    till.sweep()


def two_at_once(till: Till) -> None:
    attempt = till.start()
    till.pay(attempt)
    till.pay_again(attempt)
    till.sweep()


def one_more(till: Till) -> None:
    attempt = till.start()
    till.pay(attempt)
    till.sweep()
    till.pay_again(attempt)
    till.sweep()


def old_checkout(till: Till) -> None:
    old = till.start()
    till.mean_to_pay_late(old)
    till.pay(till.try_again(old.link))
    till.sweep()
    till.pay_late(old)
    till.sweep()


def nobody_pays(till: Till) -> None:
    till.end(till.start().link)


def paid_late(till: Till) -> None:
    attempt = till.start()
    till.mean_to_pay_late(attempt)
    till.end(attempt.link)
    assert fresh(attempt.link).state is LinkState.EXPIRED
    till.pay_late(attempt)
    till.sweep()


def paid_late_unwanted(till: Till) -> None:
    till.make.change(till.make.shop, accepts_late_payments=False)
    attempt = till.start()
    till.mean_to_pay_late(attempt)
    till.end(attempt.link)
    till.make.change(attempt.link, ended_at=clock.now() - timedelta(minutes=1))
    till.pay_late(attempt)
    till.sweep()


def close_refused(till: Till) -> None:
    attempt = till.start()
    till.begin_paying(attempt)
    till.end(attempt.link)
    assert fresh(attempt.link).state is LinkState.EXPIRED
    till.finish_paying(attempt)
    till.sweep()


def unclosed(till: Till) -> None:
    attempt = till.start()
    till.begin_paying(attempt)
    _is_undecided(till)
    till.end(attempt.link)


def _is_undecided(till: Till) -> None:
    if till.taken():
        raise NotThereError  # there it has been paid by then


def _foreign(till: Till, what: str) -> None:
    attempt = till.start()
    till.pay(attempt)
    till.answer_for(attempt, what)
    till.sweep()


def other_account(till: Till) -> None:
    _foreign(till, "account")


def other_reference(till: Till) -> None:
    _foreign(till, "reference")


def other_mode(till: Till) -> None:
    _foreign(till, "mode")


SWITCHES: Final[Mapping[str, Story]] = MappingProxyType(
    {
        "Paid, and the notice comes": all_goes_well,
        "The notice is lost": lost_notice,
        "The notice comes twice": notice_twice,
        "Notices come in another order": notices_out_of_order,
        "The notice comes long after the sweep": late_notice,
        "The buyer is back before the provider says so": pending_after_return,
        "Declined, and paid at another try": declined_first,
        "A read is answered with 429 and Retry-After": too_many_requests,
        "A read is answered with 503 and Retry-After": unavailable,
        "A read's answer is malformed": malformed,
        "A read's answer comes too slowly": slow,
        "Paid, and nothing can be read until the watch is over": never_readable,
        "Paid, and our key is refused until the watch is over": revoked,
        "The create is done, and its answer is lost": lost_answer,
        "The create is done, and answered with an error": late_answer,
        "The create is done, and answered with an error every time": repeated_error,
        "The create is lost, and nothing was made": lost_request,
        "The create is refused": refused_request,
        "Another amount is paid": wrong_amount,
        "Another currency is paid": wrong_currency,
        "Two payments on one checkout, seen together": two_at_once,
        "Another payment on a checkout that was paid": one_more,
        "Paid again through a checkout that was left": old_checkout,
        "Nobody pays": nobody_pays,
        "Paid after the link's end": paid_late,
        "Paid after the link's end, and the merchant wants no late money": paid_late_unwanted,
        "The checkout cannot be closed at the link's end, and is paid afterwards": close_refused,
        "The checkout cannot be closed at the link's end, and is never paid": unclosed,
        "The answer is about another account": other_account,
        "The answer is about another reference": other_reference,
        "The answer is about another mode, live or test": other_mode,
    }
)
