"""What tests of sittings share: their trail, time that has passed, and how they stand."""

from datetime import timedelta

from tests.factories import Factories, everything, fresh, observed
from webapp.core import clock
from webapp.core.states import SessionState
from webapp.domain.payments import sessions, settlement, sittings, trails
from webapp.domain.payments.sittings import Holder, Sitting
from webapp.models import PaymentAttempt, PaymentEvent, PaymentLink, PaymentSession
from webapp.providers.base import ProviderState


def names_of(link: PaymentLink) -> list[str]:
    """Return what happened to a link, the oldest first."""
    return [event.name for event in trails.of_link(fresh(link))]


def age(make: Factories, attempt: PaymentAttempt, seconds: float) -> None:
    """Let an attempt have begun so long ago."""
    make.change(attempt, created_at=clock.now() - timedelta(seconds=seconds))


def decline_for_good(attempt: PaymentAttempt) -> None:
    """Let the provider end an attempt unpaid."""
    settlement.apply(attempt.reference, observed(attempt, ProviderState.FAILED), actor="test")


def browser(link: PaymentLink) -> Holder:
    """Return a browser that looks at a link."""
    return Holder(token=sessions.new_token(link.code))


def state_of(attempt: PaymentAttempt) -> tuple[SessionState, str | None]:
    """Return how an attempt's sitting stands, and why it was interrupted."""
    session = fresh(attempt.session)
    return session.state, session.interruption


def everything_told(name: str) -> list[PaymentEvent]:
    """Return all rows of this name in all trails."""
    return [event for event in everything(PaymentEvent) if event.name == name]


def sit(link: PaymentLink) -> tuple[Sitting, Holder]:
    """Sit down in a new browser."""
    sitting, token = sittings.begin(link.code, token=None, buyer_email=None)
    return sitting, Holder(token=token)


def row(sitting: Sitting) -> PaymentSession:
    """Return the row behind what is told of a sitting."""
    (found,) = [one for one in everything(PaymentSession) if one.reference == sitting.reference]
    return found


def under_way(make: Factories, *, is_open: bool = True) -> tuple[PaymentAttempt, Sitting, Holder]:
    """Sit down and begin to pay."""
    link = make.link()
    sitting, holder = sit(link)
    begin = make.pending if is_open else make.created
    return begin(link, token=holder.token), sitting, holder


def seconds_ago(make: Factories, sitting: Sitting) -> None:
    """Let a sitting have ended a moment ago."""
    make.change(row(sitting), expires_at=clock.now() - timedelta(seconds=1))
