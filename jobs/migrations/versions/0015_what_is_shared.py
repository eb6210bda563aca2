"""What is shared: results that whoever has a link may see."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("job", schema=None) as batch_op:
        batch_op.add_column(sa.Column("link_secret", sa.String(length=43), nullable=True))
        batch_op.create_index(batch_op.f("ix_job_link_secret"), ["link_secret"], unique=True)


def downgrade() -> None:
    with op.batch_alter_table("job", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_job_link_secret"))
        batch_op.drop_column("link_secret")
