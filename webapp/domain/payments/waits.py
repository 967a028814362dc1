"""Waits: since when a buyer waits for what becomes of an attempt."""

from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, func, select
from sqlalchemy.orm import aliased

from webapp.domain.transaction import database_now
from webapp.extensions import db
from webapp.models import PaymentAttempt


@cache
def began() -> ScalarSelect[Any]:
    """Say when the buyer asked for an attempt, whatever took the place of a lost checkout since."""
    first = aliased(PaymentAttempt)
    return (
        select(func.min(first.created_at))
        .where(first.session_id == PaymentAttempt.session_id, first.number == PaymentAttempt.number)
        .correlate(PaymentAttempt)
        .scalar_subquery()
    )


@cache
def since() -> ColumnElement[datetime]:
    """Say since when its buyer waits: they came back from the provider, or else pressed "Pay"."""
    return func.coalesce(PaymentAttempt.returned_at, began())


def waited_s(attempt: PaymentAttempt) -> float:
    """Return for how many seconds the buyer of an attempt has waited."""
    query = select(since()).where(PaymentAttempt.id == attempt.id)
    return (database_now() - db.session.scalars(query).one()).total_seconds()
