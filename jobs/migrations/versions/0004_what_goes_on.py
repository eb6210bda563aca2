"""What goes on: workers that were heard, things that were counted, leases under suspicion."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("segment", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("suspect", sa.Boolean(), nullable=False, server_default=sa.false())
        )
    op.create_table(
        "worker",
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("part", sa.String(length=255), nullable=False),
        sa.Column("seen", sa.Float(precision=53), nullable=False),
        sa.Column("memory", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_worker")),
    )
    op.create_table(
        "counter",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("label", sa.String(length=64), nullable=False),
        sa.Column("bound", sa.String(length=16), nullable=False),
        sa.Column("value", sa.Float(precision=53), nullable=False),
        sa.PrimaryKeyConstraint("name", "label", "bound", name=op.f("pk_counter")),
    )


def downgrade() -> None:
    op.drop_table("counter")
    op.drop_table("worker")
    with op.batch_alter_table("segment", schema=None) as batch_op:
        batch_op.drop_column("suspect")
