"""The tables of rollbacks, of how failures were answered, and of batches; see `tables`."""

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, Table

from promotion_gate.operate.ledger.columns import WORDS, metadata, sequence

rollbacks = Table(
    "rollbacks",
    metadata,
    Column("id", WORDS, primary_key=True),
    Column("promotion", WORDS, ForeignKey("promotions.id"), nullable=False),
    Column("is_open", Boolean, nullable=False),
    Column("state", WORDS),
    sequence(),
    Index("rollbacks_open", "is_open", "sequence"),
)

rollback_members = Table(
    "rollback_members",
    metadata,
    # The key alone: a promotion is rolled back once, as its own or along with another.
    Column("promotion", WORDS, ForeignKey("promotions.id"), primary_key=True),
    Column("rollback", WORDS, ForeignKey("rollbacks.id"), nullable=False),
    Column("number", Integer, nullable=False),
    sequence(),
)

failure_links = Table(
    "failure_links",
    metadata,
    Column("project", WORDS, primary_key=True),
    Column("module", WORDS, primary_key=True),
    Column("failure", WORDS, primary_key=True),
    Column("promotion", WORDS, ForeignKey("promotions.id"), primary_key=True),
    Column("rollback", WORDS, ForeignKey("rollbacks.id")),
    Column("code", WORDS, nullable=False),
    sequence(),
    Index("failure_links_of_rollback", "rollback", "sequence"),
)

failure_answers = Table(
    "failure_answers",
    metadata,
    Column("project", WORDS, primary_key=True),
    Column("source", WORDS, primary_key=True),
    Column("failure_id", WORDS, primary_key=True),
    Column("module", WORDS, primary_key=True),
    Column("level", WORDS, nullable=False),
    Column("answer", WORDS, nullable=False),
    Column("rollback", WORDS, ForeignKey("rollbacks.id")),
    Column("code", WORDS, nullable=False),
    Column("message", WORDS, nullable=False),
    sequence(),
)

batches = Table(
    "batches",
    metadata,
    Column("promotion", WORDS, ForeignKey("promotions.id"), primary_key=True),
    Column("batch", WORDS, nullable=False),
    Column("position", Integer, nullable=False),
    Column("step", Integer, nullable=False),
    Column("promoted", Boolean, nullable=False),
    sequence(),
    Index("batches_batch", "batch", "position", unique=True),
)
