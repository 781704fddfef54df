"""The truth: events and the head of their chain. Both databases refuse to change or remove an event."""

import sqlalchemy as sa
from alembic import op

revision = "ledger_0001"
down_revision: str | None = None

WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
SEQUENCE = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the tables and the head of an empty chain."""
    head = op.create_table(
        "ledger_head",
        sa.Column("id", sa.SmallInteger, sa.CheckConstraint("id = 1", name="one_head"), autoincrement=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.Column("hash", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.bulk_insert(head, [{"id": 1, "count": 0, "hash": "0" * 64}])
    op.create_table(
        "events",
        sa.Column("sequence", SEQUENCE, autoincrement=False),
        sa.Column("kind", WORDS, nullable=False),
        sa.Column("at", WORDS, nullable=False),
        sa.Column("actor", WORDS, nullable=False),
        sa.Column("stream", WORDS, nullable=False),
        sa.Column("payload", WORDS, nullable=False),
        sa.Column("hash", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("sequence"),
    )
    op.create_index("events_stream", "events", ["stream", "sequence"])
    op.create_index("events_kind", "events", ["kind", "sequence"])
    for statement in SQLITE_TRIGGERS if op.get_bind().dialect.name == "sqlite" else POSTGRESQL_TRIGGERS:
        op.execute(statement)


def downgrade() -> None:
    """Remove all: there is no ledger then."""
    op.drop_table("events")
    op.drop_table("ledger_head")
    if op.get_bind().dialect.name != "sqlite":
        op.execute("DROP FUNCTION events_are_append_only()")


SQLITE_TRIGGERS = tuple(
    f"CREATE TRIGGER events_no_{verb} BEFORE {verb} ON events BEGIN SELECT RAISE(ABORT, 'events are append-only'); END"
    for verb in ("update", "delete")
)
POSTGRESQL_TRIGGERS = (
    "CREATE FUNCTION events_are_append_only() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'events are append-only'; END $$",
    "CREATE TRIGGER events_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON events "
    "FOR EACH STATEMENT EXECUTE FUNCTION events_are_append_only()",
)
