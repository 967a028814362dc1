"""ask the providers."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=True)


def _moment(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=True)


def _count(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), server_default=sa.text("0"), nullable=False)


def upgrade() -> None:
    op.create_table(
        "alert_mail",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("alert_id", sa.BigInteger(), nullable=False),
        sa.Column("to_address", sa.Text(), nullable=False),
        _moment("due_at"),
        sa.Column("tries", sa.BigInteger(), nullable=False),
        _text("lease_token"),
        _moment("lease_until"),
        _moment("sent_at"),
        _text("last_error"),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "(lease_token IS NULL) = (lease_until IS NULL)", name=op.f("ck_alert_mail_lease")
        ),
        sa.ForeignKeyConstraint(
            ["alert_id"], ["alert.id"], name=op.f("fk_alert_mail_alert_id_alert")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_mail")),
        sa.UniqueConstraint(
            "alert_id", "to_address", name=op.f("uq_alert_mail_alert_id_to_address")
        ),
    )
    op.create_index(
        "ix_alert_mail_due",
        "alert_mail",
        ["due_at"],
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.add_column("alert", _text("end_reason"))
    op.add_column("payment_attempt", _text("order_id"))
    op.add_column("payment_attempt", _moment("asked_at"))
    op.add_column(
        "payment_link", sa.Column("source", sa.Text(), server_default="desk", nullable=False)
    )
    op.create_check_constraint(
        op.f("ck_payment_link_source"), "payment_link", "source IN ('desk', 'shop')"
    )
    op.add_column(
        "provider_account",
        sa.Column(
            "options",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
    )
    op.add_column("provider_account", _count("failures"))
    for name in ("failing_since", "rests_until", "token_expires_at", "refresh_lease_until"):
        op.add_column("provider_account", _moment(name))
    for name in ("consent_lost_at", "chosen_at"):
        op.add_column("provider_account", _moment(name))
    for name in ("last_failure", "refresh_lease_token"):
        op.add_column("provider_account", _text(name))
    op.create_check_constraint(
        op.f("ck_provider_account_refresh_lease"),
        "provider_account",
        "(refresh_lease_token IS NULL) = (refresh_lease_until IS NULL)",
    )
    _upgrade_captures()
    _upgrade_refunds()


def _upgrade_captures() -> None:
    for column in (_moment("next_look_at"), _text("look_lease_token"), _moment("look_lease_until")):
        op.add_column("capture", column)
    op.create_check_constraint(
        op.f("ck_capture_look_lease"),
        "capture",
        "(look_lease_token IS NULL) = (look_lease_until IS NULL)",
    )
    op.create_index(
        "ix_capture_look",
        "capture",
        ["next_look_at"],
        postgresql_where=sa.text("next_look_at IS NOT NULL"),
    )
    # Money that was taken before is looked after from now on, like any other.
    op.execute(
        "UPDATE capture SET next_look_at = now() + interval '1 day'"
        " WHERE created_at > now() - interval '13 days'"
    )


def _upgrade_refunds() -> None:
    # Nothing could ask for a refund before: the table is empty.
    op.add_column("refund", sa.Column("reference", sa.Text(), nullable=False))
    op.create_unique_constraint(op.f("uq_refund_reference"), "refund", ["reference"])
    for name in ("asked_at", "ended_at", "next_step_at", "lease_until"):
        op.add_column("refund", _moment(name))
    for name in ("last_answer", "lease_token"):
        op.add_column("refund", _text(name))
    for name in ("steps", "asks", "missing_count"):
        op.add_column("refund", sa.Column(name, sa.BigInteger(), nullable=False))
    op.add_column(
        "refund",
        sa.Column("known_before", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
    )
    op.create_check_constraint(
        op.f("ck_refund_lease"), "refund", "(lease_token IS NULL) = (lease_until IS NULL)"
    )
    op.create_index(
        "ix_refund_due",
        "refund",
        ["next_step_at"],
        postgresql_where=sa.text("next_step_at IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_refund_due", table_name="refund")
    op.drop_constraint(op.f("ck_refund_lease"), "refund", type_="check")
    op.drop_constraint(op.f("uq_refund_reference"), "refund", type_="unique")
    for name in (
        "reference",
        "asked_at",
        "ended_at",
        "next_step_at",
        "lease_until",
        "last_answer",
        "lease_token",
        "steps",
        "asks",
        "missing_count",
        "known_before",
    ):
        op.drop_column("refund", name)
    op.drop_index("ix_capture_look", table_name="capture")
    op.drop_constraint(op.f("ck_capture_look_lease"), "capture", type_="check")
    for name in ("next_look_at", "look_lease_token", "look_lease_until"):
        op.drop_column("capture", name)
    op.drop_constraint(op.f("ck_provider_account_refresh_lease"), "provider_account", type_="check")
    for name in (
        "options",
        "failures",
        "failing_since",
        "rests_until",
        "token_expires_at",
        "refresh_lease_until",
        "consent_lost_at",
        "chosen_at",
        "last_failure",
        "refresh_lease_token",
    ):
        op.drop_column("provider_account", name)
    op.drop_constraint(op.f("ck_payment_link_source"), "payment_link", type_="check")
    op.drop_column("payment_link", "source")
    op.drop_column("payment_attempt", "asked_at")
    op.drop_column("payment_attempt", "order_id")
    op.drop_column("alert", "end_reason")
    op.drop_table("alert_mail")
