"""What goes wrong where money goes back: stories like those of `switches`."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from tests.factories import everything, fresh
from tests.providers.switches import Story, old_checkout
from tests.providers.tills import NotThereError, Till
from webapp.core.states import AttemptState, CaptureState, LinkState
from webapp.models import Capture, PaymentAttempt


def sent_back(till: Till) -> None:
    attempt = _paid(till)
    till.send_back(attempt)
    till.sweep()


def disputed(till: Till) -> None:
    attempt = _paid(till)
    till.dispute(attempt)
    till.sweep()


def _refund(till: Till, way: str | None = None) -> None:
    attempt = _paid(till)
    if not till.refunds_money:
        raise NotThereError
    if way is not None:
        till.fault("refund", way)
    (payment,) = everything(Capture)
    till.refund(payment)
    till.sweep()
    assert attempt.state is AttemptState.SUCCEEDED


def refunded(till: Till) -> None:
    _refund(till)


def refund_answer_lost(till: Till) -> None:
    _refund(till, "cut")


def refund_request_lost(till: Till) -> None:
    _refund(till, "lost")


def refund_refused(till: Till) -> None:
    _refund(till, "refused")


def refund_failed(till: Till) -> None:
    till.fail_refunds()
    _refund(till)


def surplus_refunded(till: Till) -> None:
    if not till.refunds_money:
        raise NotThereError
    old_checkout(till)
    (surplus,) = (one for one in everything(Capture) if one.state is CaptureState.SURPLUS)
    till.refund(surplus)
    till.sweep()


def _paid(till: Till) -> PaymentAttempt:
    attempt = till.start()
    till.pay(attempt)
    till.sweep()
    assert fresh(attempt.link).state is LinkState.PAID
    return attempt


SWITCHES_BACK: Final[Mapping[str, Story]] = MappingProxyType(
    {
        "A refund is asked for": refunded,
        "The refund is done, and its answer is lost": refund_answer_lost,
        "The refund is lost, and nothing was done": refund_request_lost,
        "The refund is refused": refund_refused,
        "The refund is accepted, and fails": refund_failed,
        "Paid again through a checkout that was left, and sent back": surplus_refunded,
        "Refunded at the provider by hand": sent_back,
        "The buyer's bank asks for the money": disputed,
    }
)
