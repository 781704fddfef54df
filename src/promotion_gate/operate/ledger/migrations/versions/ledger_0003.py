"""Rollbacks, their members and failures, answers to failures, and batches: projections, made again from events."""

import sqlalchemy as sa
from alembic import op

revision = "ledger_0003"
down_revision: str | None = "ledger_0002"

WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
TABLES = ("rollbacks", "rollback_members", "failure_links", "failure_answers", "batches")


def upgrade() -> None:
    """Make the tables, empty; `migrate` fills them from the events."""
    op.create_table(
        "rollbacks",
        *_key("id"),
        _refers("promotion", "promotions.id"),
        sa.Column("is_open", sa.Boolean, nullable=False),
        sa.Column("state", WORDS),
        _sequence(),
    )
    op.create_index("rollbacks_open", "rollbacks", ["is_open", "sequence"])
    op.create_table(
        "rollback_members",
        sa.Column("promotion", WORDS, sa.ForeignKey("promotions.id"), primary_key=True),
        _refers("rollback", "rollbacks.id"),
        sa.Column("number", sa.Integer, nullable=False),
        _sequence(),
    )
    op.create_table(
        "failure_links",
        *_key("project", "module", "failure"),
        sa.Column("promotion", WORDS, sa.ForeignKey("promotions.id"), primary_key=True),
        sa.Column("rollback", WORDS, sa.ForeignKey("rollbacks.id")),
        sa.Column("code", WORDS, nullable=False),
        _sequence(),
    )
    op.create_index("failure_links_of_rollback", "failure_links", ["rollback", "sequence"])
    op.create_table(
        "failure_answers",
        *_key("project", "source", "failure_id", "module"),
        sa.Column("level", WORDS, nullable=False),
        sa.Column("answer", WORDS, nullable=False),
        sa.Column("rollback", WORDS, sa.ForeignKey("rollbacks.id")),
        sa.Column("code", WORDS, nullable=False),
        sa.Column("message", WORDS, nullable=False),
        _sequence(),
    )
    op.create_table(
        "batches",
        sa.Column("promotion", WORDS, sa.ForeignKey("promotions.id"), primary_key=True),
        sa.Column("batch", WORDS, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("step", sa.Integer, nullable=False),
        sa.Column("promoted", sa.Boolean, nullable=False),
        _sequence(),
    )
    op.create_index("batches_batch", "batches", ["batch", "position"], unique=True)


def downgrade() -> None:
    """Remove the tables; the events stay, so nothing is lost."""
    for table in reversed(TABLES):
        op.drop_table(table)


def _key(*names: str) -> list["sa.Column[str]"]:
    return [sa.Column(name, WORDS, primary_key=True) for name in names]


def _refers(name: str, to: str) -> "sa.Column[str]":
    return sa.Column(name, WORDS, sa.ForeignKey(to), nullable=False)


def _sequence() -> "sa.Column[int]":
    return sa.Column("sequence", sa.BigInteger, sa.ForeignKey("events.sequence"), nullable=False)
