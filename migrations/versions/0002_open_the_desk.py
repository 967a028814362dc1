"""open the desk."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column(
        "merchant", sa.Column("timezone", sa.Text(), server_default="UTC", nullable=False)
    )
    op.add_column("payment_link", sa.Column("form_id", sa.Text(), nullable=True))
    op.add_column("payment_link", sa.Column("form_digest", sa.Text(), nullable=True))
    op.add_column(
        "user_account",
        sa.Column("sign_outs", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
    )
    op.create_unique_constraint(
        op.f("uq_payment_link_merchant_id_form_id"), "payment_link", ["merchant_id", "form_id"]
    )


def downgrade() -> None:
    op.drop_constraint(op.f("uq_payment_link_merchant_id_form_id"), "payment_link", type_="unique")
    op.drop_column("user_account", "sign_outs")
    op.drop_column("payment_link", "form_digest")
    op.drop_column("payment_link", "form_id")
    op.drop_column("merchant", "timezone")
