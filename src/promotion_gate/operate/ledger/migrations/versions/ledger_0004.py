"""Failures with their evidence; telemetry by version and source, with latency histograms. From the events again."""

import sqlalchemy as sa
from alembic import op

revision = "ledger_0004"
down_revision: str | None = "ledger_0003"

WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
FIGURES = ("requests", "errors", "latency_p95_s", "cpu_seconds", "load")
KEPT = ("project", "module", "window_start", "window_end", *FIGURES, "sequence")


def upgrade() -> None:
    """Add the column, make telemetry's table anew and empty; `migrate` fills both from the events."""
    op.add_column("failures", sa.Column("evidence", WORDS))
    op.drop_table("telemetry")
    op.create_table(
        "telemetry",
        *_key("project", "module", "window_end", "window_start", "version", "source"),
        *(sa.Column(name, sa.Double) for name in FIGURES),
        sa.Column("latency_buckets", WORDS),
        _sequence(),
    )
    of_version = ["project", "module", "version", "sequence", "window_end", "window_start"]
    op.create_index("telemetry_of_version", "telemetry", of_version)


def downgrade() -> None:
    """Take evidence, versions and histograms out of the tables; the events keep them.

    Of a window's versions and sources the one that was told last stays, as the revision before had it.
    """
    op.drop_index("telemetry_of_version", "telemetry")
    op.rename_table("telemetry", "telemetry_by_version")
    op.create_table(
        "telemetry",
        *_key("project", "module", "window_start", "window_end"),
        *(sa.Column(name, sa.Double) for name in FIGURES),
        _sequence(),
    )
    by_version = sa.table("telemetry_by_version", *(sa.column(name) for name in (*KEPT, "version", "source")))
    window = [by_version.c[name] for name in KEPT[:4]]
    last = [by_version.c.sequence.desc(), by_version.c.version.desc(), by_version.c.source.desc()]
    ranked = sa.select(by_version, sa.func.row_number().over(partition_by=window, order_by=last).label("place"))
    newest = ranked.subquery()
    kept = sa.select(*(newest.c[name] for name in KEPT)).where(newest.c.place == 1)
    op.execute(sa.table("telemetry", *(sa.column(name) for name in KEPT)).insert().from_select(list(KEPT), kept))
    op.drop_table("telemetry_by_version")
    op.drop_column("failures", "evidence")


def _key(*names: str) -> list["sa.Column[str]"]:
    return [sa.Column(name, WORDS, primary_key=True) for name in names]


def _sequence() -> "sa.Column[int]":
    return sa.Column("sequence", sa.BigInteger, sa.ForeignKey("events.sequence"), nullable=False)
