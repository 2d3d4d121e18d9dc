"""Marks, and the tenants they are made for."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    tenants = op.create_table(
        "tenants",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("settings", sa.JSON, nullable=False),
    )
    op.create_table(
        "marks",
        sa.Column("mark_id", sa.String(16), primary_key=True),
        sa.Column("manifest_id", sa.String(255), nullable=False),
        sa.Column("signature_sha256", sa.String(64), nullable=False),
        sa.Column("manifest", sa.LargeBinary, nullable=False),
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("origin", sa.String(16), nullable=False),
        sa.Column("system", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.name"], name="marks_tenant_fkey"),
        sa.UniqueConstraint("manifest_id", name="marks_manifest_id_key"),
        sa.CheckConstraint("length(mark_id) = 16", name="marks_mark_id_check"),
        sa.CheckConstraint("length(signature_sha256) = 64", name="marks_signature_check"),
        sa.CheckConstraint("origin IN ('generated', 'manipulated')", name="marks_origin_check"),
    )
    op.create_index("marks_signature_sha256_idx", "marks", ["signature_sha256"])
    op.bulk_insert(tenants, [{"name": "default", "settings": {}}])


def downgrade() -> None:
    op.drop_table("marks")
    op.drop_table("tenants")
