"""A thousand times somebody presses "Pay" in the moment in which the link's time runs out."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from flask import Flask
from sqlalchemy import select

from tests.domain.side_by_side import side_by_side
from tests.factories import Factories
from webapp.core import clock
from webapp.core.errors import LinkNotPayableError
from webapp.core.states import MAY_HOLD_MONEY, LinkState
from webapp.domain.payments import attempts, audit, expiry, sessions
from webapp.domain.transaction import lock, transaction
from webapp.extensions import db
from webapp.models import PaymentAttempt, PaymentLink

ROUNDS = 25
BUYERS = 40
# Links that nobody pays: the sweep's statement meets them first, and is busy with them while the
# buyers' transactions end. Whoever decides by what the statement saw at its start decides wrongly.
IDLE = 150
HEAD_START_S = 0.3


def test_no_link_expires_with_a_payment_on_its_way(make: Factories, app: Flask) -> None:
    begun = 0
    for _ in range(ROUNDS):
        begun += race(make, app)

    rows = db.session.execute(select(PaymentLink.id, PaymentLink.state)).all()
    alive = select(PaymentAttempt.link_id).where(PaymentAttempt.state.in_(MAY_HOLD_MONEY))
    held = set(db.session.scalars(alive))
    expired = {link_id for link_id, state in rows if state is LinkState.EXPIRED}
    assert held & expired == set()
    assert held | expired == {link_id for link_id, _ in rows}
    assert len(held) == begun
    assert 0 < begun < ROUNDS * BUYERS  # now the buyer was first, now the sweep
    assert audit.run().is_clean


def race(make: Factories, app: Flask) -> int:
    """Let buyers and the sweep at links that end together; return how many payments began."""
    end = clock.now() + timedelta(seconds=HEAD_START_S)
    ids = make.open_links(IDLE + BUYERS, expires_at=end)
    time_is_up = threading.Event()
    buyers = [
        partial(early if number % 2 else late, link_id, time_is_up)
        for number, link_id in enumerate(ids[IDLE:])
    ]
    results = side_by_side(app, [*buyers, partial(sweep, end, time_is_up)])
    while expiry.expire_batch(len(ids)):
        pass
    return sum(results)


def early(link_id: int, time_is_up: threading.Event) -> bool:
    """Begin before the end, and commit while the sweep is at work."""
    return begin(link_id, before_commit=lambda: time_is_up.wait(30))


def late(link_id: int, time_is_up: threading.Event) -> bool:
    """Begin while the sweep is at work."""
    time_is_up.wait(30)
    return begin(link_id, before_commit=lambda: None)


def begin(link_id: int, *, before_commit: Callable[[], object]) -> bool:
    try:
        with transaction():
            link = lock(PaymentLink, PaymentLink.id == link_id)
            session, _ = sessions.start(link, None)
            attempts.begin(link, session, actor="test")
            before_commit()
    except LinkNotPayableError:
        return False
    return True


def sweep(end: datetime, time_is_up: threading.Event) -> bool:
    time_is_up.wait(max(0, (end - clock.now()).total_seconds()))
    time_is_up.set()
    expiry.expire_batch(IDLE + BUYERS)
    return False
