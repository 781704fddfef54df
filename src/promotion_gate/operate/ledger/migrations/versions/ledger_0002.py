"""The projections: tables that follow from the events. Going back removes them, going forward makes them again."""

import sqlalchemy as sa
from alembic import op

revision = "ledger_0002"
down_revision: str | None = "ledger_0001"

WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
SEQUENCE = sa.BigInteger().with_variant(sa.Integer, "sqlite")
TABLES = (
    "promotions",
    "reviews",
    "modules",
    "stable_versions",
    "scores",
    "failures",
    "telemetry",
    "telemetry_batches",
    "answers",
    "tokens",
)


def upgrade() -> None:
    """Make the tables, empty; `migrate` fills them from the events."""
    _promotions()
    op.create_table(
        "reviews",
        *_key("promotion", "reviewer"),
        *_words("verdict"),
        _sequence(),
        sa.ForeignKeyConstraint(["promotion"], ["promotions.id"]),
    )
    op.create_table("modules", *_key("project", "module"), *_words("surcharge"), _sequence())
    op.create_table(
        "stable_versions",
        *_key("project", "module", "level"),
        sa.Column("promotion", WORDS, sa.ForeignKey("promotions.id"), nullable=False),
        sa.Column("version", WORDS),
        _sequence(),
    )
    op.create_table(
        "scores",
        sa.Column("sequence", SEQUENCE, sa.ForeignKey("events.sequence"), primary_key=True, autoincrement=False),
        *_words("project", "module"),
        sa.Column("version", WORDS),
        *_words("at"),
        sa.Column("fis", sa.Double, nullable=False),
        sa.Column("model_version", WORDS),
    )
    op.create_index("scores_of_module", "scores", ["project", "module", "sequence"])
    op.create_table(
        "failures",
        *_key("project", "source", "failure_id", "module"),
        *_words("severity", "occurred_at"),
        *(sa.Column(name, WORDS) for name in ("resolved_at", "version", "promotion")),
        _sequence(),
    )
    op.create_index("failures_of_module", "failures", ["project", "module", "sequence"])
    op.create_index("failures_sequence", "failures", ["sequence"], unique=True)
    _of_the_service()


def downgrade() -> None:
    """Remove the tables; the events stay, so nothing is lost."""
    for table in reversed(TABLES):
        op.drop_table(table)


def _promotions() -> None:
    op.create_table(
        "promotions",
        *_key("id"),
        _sequence(),
        *_words("project", "module", "level"),
        sa.Column("version", WORDS),
        *_words("requester", "requested_at", "state"),
        sa.Column("is_open", sa.Boolean, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("updated_sequence", sa.BigInteger, nullable=False),
        *_words("updated_at"),
        *(sa.Column(name, WORDS) for name in ("due_at", "kind", "status")),
        *(sa.Column(name, sa.Double) for name in ("fis", "base_coverage", "required_coverage", "coverage")),
        *(sa.Column(name, WORDS) for name in ("model_version", "policy_version", "decided_at")),
        sa.Column("decided_sequence", sa.BigInteger),
        sa.Column("propensity", sa.Double),
        sa.Column("reviewers_needed", sa.Integer),
        *(sa.Column(name, WORDS) for name in ("deployed_at", "watch_until", "restores")),
        sa.Column("stable_sequence", sa.BigInteger),
    )
    op.create_index("promotions_sequence", "promotions", ["sequence"], unique=True)
    op.create_index("promotions_of_module", "promotions", ["project", "module", "sequence"])
    op.create_index("promotions_of_project", "promotions", ["project", "sequence"])
    op.create_index("promotions_of_level", "promotions", ["level", "sequence"])
    op.create_index("promotions_in_state", "promotions", ["state", "sequence"])
    op.create_index("promotions_of_level_in_state", "promotions", ["level", "state", "sequence"])
    _partial_index("promotions_due", ["due_at"], "due_at IS NOT NULL")
    stable = ["project", "module", "level", "stable_sequence"]
    _partial_index("stable_promotions", stable, "stable_sequence IS NOT NULL")
    _partial_index("one_open_promotion", ["project", "module", "level"], "is_open", unique=True)


def _of_the_service() -> None:
    op.create_table(
        "telemetry",
        *_key("project", "module", "window_start", "window_end"),
        *(sa.Column(name, sa.Double) for name in ("requests", "errors", "latency_p95_s", "cpu_seconds", "load")),
        _sequence(),
    )
    op.create_table("telemetry_batches", *_key("source", "batch_id"), *_words("body_sha256"), _sequence())
    op.create_table(
        "answers",
        *_key("caller", "key"),
        *_words("body_sha256"),
        sa.Column("status", sa.Integer, nullable=False),
        *_words("answer"),
        _sequence(),
    )
    op.create_table(
        "tokens",
        *_key("token_sha256"),
        *_words("name", "scopes"),
        *(sa.Column(name, WORDS) for name in ("project", "expires_at", "revoked_at")),
        _sequence(),
    )


def _key(*names: str) -> list["sa.Column[str]"]:
    return [sa.Column(name, WORDS, primary_key=True) for name in names]


def _words(*names: str) -> list["sa.Column[str]"]:
    return [sa.Column(name, WORDS, nullable=False) for name in names]


def _sequence() -> "sa.Column[int]":
    return sa.Column("sequence", sa.BigInteger, sa.ForeignKey("events.sequence"), nullable=False)


def _partial_index(name: str, columns: list[str], where: str, *, unique: bool = False) -> None:
    condition = sa.text(where)
    op.create_index(name, "promotions", columns, unique=unique, sqlite_where=condition, postgresql_where=condition)
