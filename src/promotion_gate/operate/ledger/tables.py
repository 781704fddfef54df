"""The ledger's tables. `events` and `ledger_head` are the truth; the others follow from them and can be made again.

The migrations hold the same tables as they were at each revision; a test compares both. Text sorts by its bytes on both
databases (PostgreSQL: collation "C"), so that times and names have one order everywhere. Times are texts of
`chain.stamp`, shares of the surcharge decimals' texts: both come back as they were written.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    Table,
    text,
)

from promotion_gate.operate.ledger import rollback_tables
from promotion_gate.operate.ledger.columns import SEQUENCE, WORDS, sequence

metadata = rollback_tables.rollbacks.metadata
"""One for both modules' tables."""

head = Table(
    "ledger_head",
    metadata,
    Column("id", SmallInteger, CheckConstraint("id = 1", name="one_head"), primary_key=True, autoincrement=False),
    Column("count", BigInteger, nullable=False),
    Column("hash", WORDS, nullable=False),
)
"""One row: how many events there are, and the hash of the last. It is also the lock under which PostgreSQL's writers
append one after the other."""

events = Table(
    "events",
    metadata,
    Column("sequence", SEQUENCE, primary_key=True, autoincrement=False),
    Column("kind", WORDS, nullable=False),
    Column("at", WORDS, nullable=False),
    Column("actor", WORDS, nullable=False),
    Column("stream", WORDS, nullable=False),
    Column("payload", WORDS, nullable=False),
    Column("hash", WORDS, nullable=False),
    Index("events_stream", "stream", "sequence"),
    Index("events_kind", "kind", "sequence"),
)


promotions = Table(
    "promotions",
    metadata,
    Column("id", WORDS, primary_key=True),
    sequence(),
    Column("project", WORDS, nullable=False),
    Column("module", WORDS, nullable=False),
    Column("level", WORDS, nullable=False),
    Column("version", WORDS),
    Column("requester", WORDS, nullable=False),
    Column("requested_at", WORDS, nullable=False),
    Column("state", WORDS, nullable=False),
    Column("is_open", Boolean, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("updated_sequence", BigInteger, nullable=False),
    Column("updated_at", WORDS, nullable=False),
    Column("due_at", WORDS),
    Column("kind", WORDS),
    Column("status", WORDS),
    Column("fis", Double),
    Column("base_coverage", Double),
    Column("required_coverage", Double),
    Column("coverage", Double),
    Column("model_version", WORDS),
    Column("policy_version", WORDS),
    Column("decided_at", WORDS),
    Column("decided_sequence", BigInteger),
    Column("propensity", Double),
    Column("reviewers_needed", Integer),
    Column("deployed_at", WORDS),
    Column("watch_until", WORDS),
    Column("restores", WORDS),
    Column("stable_sequence", BigInteger),
    Index("promotions_sequence", "sequence", unique=True),
    Index("promotions_of_module", "project", "module", "sequence"),
    Index("promotions_of_project", "project", "sequence"),
    Index("promotions_of_level", "level", "sequence"),
    Index("promotions_in_state", "state", "sequence"),
    Index("promotions_of_level_in_state", "level", "state", "sequence"),
    Index(
        "promotions_due", "due_at", sqlite_where=text("due_at IS NOT NULL"), postgresql_where=text("due_at IS NOT NULL")
    ),
    Index(
        "stable_promotions",
        "project",
        "module",
        "level",
        "stable_sequence",
        sqlite_where=text("stable_sequence IS NOT NULL"),
        postgresql_where=text("stable_sequence IS NOT NULL"),
    ),
    # One promotion of a module and level at a time: the database itself refuses a second.
    Index(
        "one_open_promotion",
        "project",
        "module",
        "level",
        unique=True,
        sqlite_where=text("is_open"),
        postgresql_where=text("is_open"),
    ),
)

reviews = Table(
    "reviews",
    metadata,
    Column("promotion", WORDS, ForeignKey("promotions.id"), primary_key=True),
    Column("reviewer", WORDS, primary_key=True),
    Column("verdict", WORDS, nullable=False),
    sequence(),
)

modules = Table(
    "modules",
    metadata,
    Column("project", WORDS, primary_key=True),
    Column("module", WORDS, primary_key=True),
    Column("surcharge", WORDS, nullable=False),
    sequence(),
)

stable_versions = Table(
    "stable_versions",
    metadata,
    Column("project", WORDS, primary_key=True),
    Column("module", WORDS, primary_key=True),
    Column("level", WORDS, primary_key=True),
    Column("promotion", WORDS, ForeignKey("promotions.id"), nullable=False),
    Column("version", WORDS),
    sequence(),
)

scores = Table(
    "scores",
    metadata,
    Column("sequence", SEQUENCE, ForeignKey("events.sequence"), primary_key=True, autoincrement=False),
    Column("project", WORDS, nullable=False),
    Column("module", WORDS, nullable=False),
    Column("version", WORDS),
    Column("at", WORDS, nullable=False),
    Column("fis", Double, nullable=False),
    Column("model_version", WORDS),
    Index("scores_of_module", "project", "module", "sequence"),
)

failures = Table(
    "failures",
    metadata,
    Column("project", WORDS, primary_key=True),
    Column("source", WORDS, primary_key=True),
    Column("failure_id", WORDS, primary_key=True),
    Column("module", WORDS, primary_key=True),
    Column("severity", WORDS, nullable=False),
    Column("occurred_at", WORDS, nullable=False),
    Column("resolved_at", WORDS),
    Column("version", WORDS),
    Column("promotion", WORDS),
    Column("evidence", WORDS),
    sequence(),
    Index("failures_of_module", "project", "module", "sequence"),
    Index("failures_sequence", "sequence", unique=True),
)
"""`evidence` is canonical JSON: a text's too, so that words which look like an object stay words."""

telemetry = Table(
    "telemetry",
    metadata,
    Column("project", WORDS, primary_key=True),
    Column("module", WORDS, primary_key=True),
    # The end before the start: the key is also the way to a module's newest windows.
    Column("window_end", WORDS, primary_key=True),
    Column("window_start", WORDS, primary_key=True),
    Column("version", WORDS, primary_key=True),
    Column("source", WORDS, primary_key=True),
    Column("requests", Double),
    Column("errors", Double),
    Column("latency_p95_s", Double),
    Column("cpu_seconds", Double),
    Column("load", Double),
    Column("latency_buckets", WORDS),
    sequence(),
    Index("telemetry_of_version", "project", "module", "version", "sequence", "window_end", "window_start"),
)
"""`version` is empty where it is not known. Several agents may see replicas of a module: each one's window counts."""

telemetry_batches = Table(
    "telemetry_batches",
    metadata,
    Column("source", WORDS, primary_key=True),
    Column("batch_id", WORDS, primary_key=True),
    Column("body_sha256", WORDS, nullable=False),
    sequence(),
)

answers = Table(
    "answers",
    metadata,
    Column("caller", WORDS, primary_key=True),
    Column("key", WORDS, primary_key=True),
    Column("body_sha256", WORDS, nullable=False),
    Column("status", Integer, nullable=False),
    Column("answer", WORDS, nullable=False),
    sequence(),
)

tokens = Table(
    "tokens",
    metadata,
    Column("token_sha256", WORDS, primary_key=True),
    Column("name", WORDS, nullable=False),
    Column("scopes", WORDS, nullable=False),
    Column("project", WORDS),
    Column("expires_at", WORDS),
    Column("revoked_at", WORDS),
    sequence(),
)

PROJECTIONS = tuple(table for table in metadata.sorted_tables if table.name not in (head.name, events.name))
"""Those that follow from the events, each after those that it refers to."""
