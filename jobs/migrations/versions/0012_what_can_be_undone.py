"""What can be undone: jobs that are discarded, and not deleted yet."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("job", schema=None) as batch_op:
        batch_op.add_column(sa.Column("discarded", sa.Float(precision=53), nullable=True))
        batch_op.create_index(batch_op.f("ix_job_discarded"), ["discarded"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("job", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_job_discarded"))
        batch_op.drop_column("discarded")
