"""The only code that assigns a state. An edge that is visible leaves a row in the audit trail."""

from collections.abc import Mapping
from typing import Any, Protocol

from sqlalchemy import CTE, BigInteger, ColumnElement, cast, func, insert, literal, select, update
from sqlalchemy.dialects.postgresql import JSONB

from webapp.core.states import State, edge
from webapp.domain.transaction import require_locked
from webapp.extensions import db
from webapp.models import PaymentEvent, PaymentLink, PaymentSession

# What `transition_many` writes of each row's audit event, in this order.
_TOLD = ["link_id", "version", "name", "actor", "subject", "from_state", "to_state", "detail"]


class Stateful(Protocol):
    """A row with a state, a name of its own, and the link whose trail tells of it."""

    state: Any

    @property
    def trail(self) -> PaymentLink:
        """The link whose audit trail tells of this row."""

    @property
    def subject(self) -> str:
        """How the audit trail names this row."""


def transition(row: Stateful, to: State, *, actor: str, **detail: str | int | None) -> None:
    """Take one edge. The caller holds the row's lock and, for a visible edge, the link's.

    Args:
        row: what moves.
        to: where to.
        actor: who or what did it: `provider:sandbox`, `sweep:expiry`, `cli`, `buyer`.
        detail: what the audit row says besides; never anything personal.

    Raises:
        InvalidTransitionError: the tables of core/states.py have no such edge.
    """
    taken = edge(row.state, to)
    event = PaymentEvent(
        name=taken.name, actor=actor, from_state=row.state, to_state=to, detail=detail
    )
    row.state = to
    if taken.is_visible:
        _tell(row.trail, event, row.subject)


def record(
    link: PaymentLink,
    name: str,
    *,
    actor: str,
    subject: str | None = None,
    **detail: str | int | None,
) -> None:
    """Tell the trail of something visible that is no edge: closing begun, a payment declined."""
    _tell(link, PaymentEvent(name=name, actor=actor, detail=detail), subject or link.reference)


def _tell(link: PaymentLink, event: PaymentEvent, subject: str) -> None:
    require_locked(link)
    link.version += 1
    event.link_id, event.version, event.subject = link.id, link.version, subject
    db.session.add(event)


def transition_many(
    model: type[PaymentLink | PaymentSession],
    from_state: State,
    to: State,
    *where: ColumnElement[bool],
    actor: str,
    limit: int,
    stamps: Mapping[str, Any] | None = None,
) -> int:
    """Take one visible edge for up to `limit` rows in one statement, audit rows included.

    Rows that somebody else holds are passed over: the next round finds them. PostgreSQL re-checks
    `where` on the newest version of each row it locks, but only the row's own columns: a sub-select
    on another table would keep its old snapshot, so `where` must not contain one.

    Args:
        model: PaymentLink or PaymentSession.
        from_state: the state they are in.
        to: where they go.
        where: which of them.
        actor: who or what did it.
        limit: how many rows at most, so that one statement never blocks the table's users.
        stamps: further columns to set in the same breath, such as `ended_at`.

    Returns:
        How many rows moved.

    Raises:
        InvalidTransitionError: the tables of core/states.py have no such edge.
    """
    name = edge(from_state, to).name
    due = _due(model, from_state, where, limit)
    changed: dict[str, Any] = {"state": to, **(stamps or {})}
    move = update(model).where(model.id == due.c.id)
    if model is PaymentLink:
        told = (PaymentLink.id.label("link_id"), PaymentLink.version, PaymentLink.reference)
        changed["version"] = PaymentLink.version + 1
        moved = versions = move.values(changed).returning(*told).cte("moved")
    else:
        moved = move.values(changed).returning(model.id, model.reference).cte("moved")
        versions = _versions(due, moved)
    rows = select(
        versions.c.link_id,
        versions.c.version,
        literal(name),
        literal(actor),
        versions.c.reference,
        literal(from_state.value),
        literal(to.value),
        cast({}, JSONB),
    )
    tell = insert(PaymentEvent).from_select(_TOLD, rows, include_defaults=False).add_cte(moved)
    counted = {"preserve_rowcount": True}
    return db.session.connection().execute(tell, execution_options=counted).rowcount


def _due(
    model: type[PaymentLink | PaymentSession],
    from_state: State,
    where: tuple[ColumnElement[bool], ...],
    limit: int,
) -> CTE:
    """Lock the rows that shall move, and their links with them; what ended first comes first.

    By that time there is an index of those alone that can still end. In any other order each batch
    would first read past all that the batches before it have moved.
    """
    link_id = PaymentLink.id if model is PaymentLink else PaymentSession.link_id
    query = select(model.id, link_id.label("link_id"), PaymentLink.version)
    if model is PaymentSession:
        query = query.join(PaymentLink, PaymentLink.id == PaymentSession.link_id)
    return (
        query.where(model.state == from_state, *where)
        .order_by(model.expires_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("due")
    )


def _versions(due: CTE, moved: CTE) -> CTE:
    """Say which version each sitting's audit row carries, and raise their links by as many."""
    number = func.row_number().over(partition_by=due.c.link_id, order_by=due.c.id)
    numbered = (
        select(
            due.c.link_id,
            moved.c.reference,
            cast(due.c.version + number, BigInteger).label("version"),
        )
        .join(moved, moved.c.id == due.c.id)
        .cte("numbered")
    )
    highest = (
        select(numbered.c.link_id, func.max(numbered.c.version).label("version"))
        .group_by(numbered.c.link_id)
        .cte("highest")
    )
    raised = (
        update(PaymentLink)
        .where(PaymentLink.id == highest.c.link_id)
        .values(version=highest.c.version)
        .returning(PaymentLink.id)
        .cte("raised")
    )
    return (
        select(numbered.c.link_id, numbered.c.reference, numbered.c.version)
        .join(raised, raised.c.id == numbered.c.link_id)
        .cte("versions")
    )
