"""live status."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def _text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=nullable)


def _moment(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=True)


def upgrade() -> None:
    op.create_table(
        "api_key",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        _text("name"),
        _text("prefix"),
        _text("key_hash"),
        _text("made_by", nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        _moment("last_used_at"),
        _moment("revoked_at"),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_api_key_merchant_id_merchant")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_key")),
        sa.UniqueConstraint("prefix", name=op.f("uq_api_key_prefix")),
    )
    op.create_index(op.f("ix_api_key_merchant_id"), "api_key", ["merchant_id"])
    op.add_column(
        "merchant",
        sa.Column("sites", sa.ARRAY(sa.Text()), server_default="{}", nullable=False),
    )
    op.add_column("merchant", _text("return_url", nullable=True))
    for name, default in (("number", "1"), ("start_tries", "0")):
        op.add_column(
            "payment_attempt",
            sa.Column(name, sa.BigInteger(), server_default=sa.text(default), nullable=False),
        )


def downgrade() -> None:
    for name in ("start_tries", "number"):
        op.drop_column("payment_attempt", name)
    for name in ("return_url", "sites"):
        op.drop_column("merchant", name)
    op.drop_index(op.f("ix_api_key_merchant_id"), table_name="api_key")
    op.drop_table("api_key")
