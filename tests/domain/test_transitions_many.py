from datetime import timedelta
from typing import Any

import psycopg
import pytest
from flask import Flask
from sqlalchemy import ColumnElement, Text, cast, func

from tests.domain.side_by_side import meanwhile, wait_for
from tests.factories import Factories, everything, fresh
from webapp.core import clock
from webapp.core.errors import InvalidTransitionError
from webapp.core.states import LinkState, SessionState
from webapp.domain.payments import audit, sessions, trails
from webapp.domain.transaction import lock, transaction
from webapp.domain.transitions import transition_many
from webapp.extensions import db
from webapp.models import PaymentLink, PaymentSession

ENDED = {"ended_at": func.now(), "seats_held": 0}
# Whoever evaluates this waits as long as somebody else has the number to himself.
THE_GATE = 7
AT_THE_GATE: ColumnElement[bool] = cast(func.pg_advisory_xact_lock_shared(THE_GATE), Text) == ""
SOMEBODY_WAITS = "SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


def expire(*where: ColumnElement[bool], limit: int = 100) -> int:
    with transaction():
        return transition_many(
            PaymentLink,
            LinkState.OPEN,
            LinkState.EXPIRED,
            *where,
            actor="sweep:test",
            limit=limit,
            stamps=ENDED,
        )


def expire_sessions(*where: ColumnElement[bool]) -> int:
    with transaction():
        return transition_many(
            PaymentSession,
            SessionState.INITIATED,
            SessionState.EXPIRED,
            *where,
            actor="sweep:test",
            limit=100,
        )


def sit(make: Factories, link: PaymentLink, times: int) -> list[PaymentSession]:
    made = []
    for _ in range(times):
        with transaction():
            locked = lock(PaymentLink, PaymentLink.id == link.id)
            made.append(sessions.start(locked, None)[0])
    return made


def states() -> list[LinkState]:
    return [link.state for link in everything(PaymentLink)]


def test_many_links_take_a_step_and_each_leaves_its_row(make: Factories) -> None:
    ids = make.open_links(3)
    one = make.link()

    assert expire(PaymentLink.id.in_([*ids[:2], one.id])) == 3

    assert states() == [LinkState.EXPIRED, LinkState.EXPIRED, LinkState.OPEN, LinkState.EXPIRED]
    event = trails.of_link(one)[-1]
    assert (event.name, event.actor, event.subject, event.version) == (
        "link_expired",
        "sweep:test",
        one.reference,
        fresh(one).version,
    )
    assert (event.from_state, event.to_state, event.detail) == ("OPEN", "EXPIRED", {})
    assert one.ended_at is not None
    assert audit.run().is_clean


def test_no_more_rows_move_than_were_asked_for(make: Factories) -> None:
    make.open_links(5)
    assert [expire(limit=2) for _ in range(4)] == [2, 2, 1, 0]


def test_several_sessions_of_one_link_leave_versions_without_a_gap(make: Factories) -> None:
    crowded, quiet = make.link(), make.link()
    sat = [*sit(make, crowded, 3), *sit(make, quiet, 1)]
    before = crowded.version

    assert expire_sessions() == 4

    told = trails.of_link(crowded)[-3:]
    assert [event.version for event in told] == [before + 1, before + 2, before + 3]
    assert fresh(crowded).version == before + 3
    assert sorted(event.subject for event in told) == sorted(one.reference for one in sat[:3])
    assert {event.name for event in told} == {"session_expired"}
    assert {fresh(one).state for one in sat} == {SessionState.EXPIRED}
    assert audit.run().is_clean


def test_a_step_that_the_tables_do_not_have_is_refused_for_many_too(make: Factories) -> None:
    make.open_links(1)
    with transaction(), pytest.raises(InvalidTransitionError):
        transition_many(PaymentLink, LinkState.PAID, LinkState.EXPIRED, actor="test", limit=1)


def test_a_link_that_somebody_holds_is_passed_over_and_moves_in_the_next_round(
    make: Factories, other: psycopg.Connection
) -> None:
    held, _ = make.open_links(2)
    with other.transaction():
        other.execute("SELECT 1 FROM payment_link WHERE id = %s FOR UPDATE", [held])
        assert expire() == 1
        assert states() == [LinkState.OPEN, LinkState.EXPIRED]
    assert expire() == 1


def test_a_session_whose_link_somebody_holds_is_passed_over(
    make: Factories, other: psycopg.Connection
) -> None:
    held, free = make.link(), make.link()
    sit(make, held, 2)
    sit(make, free, 1)
    with other.transaction():
        other.execute("SELECT 1 FROM payment_link WHERE id = %s FOR UPDATE", [held.id])
        assert expire_sessions() == 1
    assert expire_sessions() == 2
    assert audit.run().is_clean


def change_at_the_gate(
    app: Flask, other: psycopg.Connection, step: Any, change: str, *values: Any
) -> int:
    """Change rows after the step's statement has taken its snapshot, before it locks them."""
    other.execute("SELECT pg_advisory_lock(%s)", [THE_GATE])
    with meanwhile(app, lambda: step(AT_THE_GATE)) as moving:
        try:
            wait_for(other, SOMEBODY_WAITS)
            other.execute(change.encode(), values)
        finally:
            other.execute("SELECT pg_advisory_unlock(%s)", [THE_GATE])
    moved: int = moving.result()
    return moved


def test_a_link_that_changed_since_the_snapshot_is_looked_at_again(
    make: Factories, app: Flask, other: psycopg.Connection
) -> None:
    changed, same = make.open_links(2)

    def step(gate: ColumnElement[bool]) -> int:
        return expire(PaymentLink.may_hold_money.is_(False), gate)

    change = "UPDATE payment_link SET may_hold_money = true WHERE id = %s"
    assert change_at_the_gate(app, other, step, change, changed) == 1

    moved = [link.id for link in everything(PaymentLink) if link.state is LinkState.EXPIRED]
    assert moved == [same]


def test_a_version_that_rose_since_the_snapshot_leaves_no_gap(
    make: Factories, app: Flask, other: psycopg.Connection
) -> None:
    link = make.link()
    sit(make, link, 2)
    change = """
        WITH raised AS (UPDATE payment_link SET version = version + 1 RETURNING id, version)
        INSERT INTO payment_event (link_id, version, name, actor, subject, detail)
        SELECT id, version, 'something', 'test', 'test', '{}' FROM raised
    """
    assert change_at_the_gate(app, other, expire_sessions, change) == 2
    assert fresh(link).version == 3 + 1 + 2
    assert audit.run().is_clean


def test_sittings_that_are_over_end_and_their_checkouts_stay_open(make: Factories) -> None:
    attempt = make.pending()
    over = sit(make, attempt.link, 2)
    running = sit(make, attempt.link, 1)
    past = clock.now() - timedelta(seconds=1)
    for session in (attempt.session, *over):
        make.change(session, expires_at=past)

    assert sessions.expire_due() == 3

    ended = [session.state for session in everything(PaymentSession)]
    assert ended == [SessionState.EXPIRED] * 3 + [SessionState.INITIATED]
    assert fresh(running[0]).state is SessionState.INITIATED
    assert fresh(attempt).state == "PENDING"
    assert fresh(attempt.link).may_hold_money
    assert audit.run().is_clean
    assert sessions.expire_due() == 0
    assert db.session.get_one(PaymentLink, attempt.link_id).state is LinkState.OPEN
