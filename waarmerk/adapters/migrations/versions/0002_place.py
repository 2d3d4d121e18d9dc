"""Where a mark lies in its original: what a check for copied marks will ask. Empty for marks made before."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

COLUMNS = ("pattern", "offset_row", "offset_column", "height", "width")


def upgrade() -> None:
    for name in COLUMNS:
        op.add_column("marks", sa.Column(name, sa.Integer, nullable=True))


def downgrade() -> None:
    for name in COLUMNS:
        op.drop_column("marks", name)
