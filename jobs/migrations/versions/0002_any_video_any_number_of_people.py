"""Any video, any number of people: when persons are in sight, previews, results as sources."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("upload", schema=None) as batch_op:
        batch_op.add_column(sa.Column("result_of", sa.String(length=32), nullable=True))
    with op.batch_alter_table("job", schema=None) as batch_op:
        batch_op.add_column(sa.Column("previews", sa.JSON(none_as_null=True), nullable=True))
        batch_op.add_column(sa.Column("not_animated", sa.JSON(none_as_null=True), nullable=True))
    with op.batch_alter_table("voice", schema=None) as batch_op:
        batch_op.add_column(sa.Column("point", sa.JSON(none_as_null=True), nullable=True))
    with op.batch_alter_table("person", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("intervals", sa.JSON(none_as_null=True), nullable=False, server_default="[]")
        )
        batch_op.add_column(
            sa.Column("share", sa.Float(precision=53), nullable=False, server_default="0")
        )


def downgrade() -> None:
    with op.batch_alter_table("person", schema=None) as batch_op:
        batch_op.drop_column("share")
        batch_op.drop_column("intervals")
    with op.batch_alter_table("voice", schema=None) as batch_op:
        batch_op.drop_column("point")
    with op.batch_alter_table("job", schema=None) as batch_op:
        batch_op.drop_column("not_animated")
        batch_op.drop_column("previews")
    with op.batch_alter_table("upload", schema=None) as batch_op:
        batch_op.drop_column("result_of")
