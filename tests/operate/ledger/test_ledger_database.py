"""Opening and migrating: what is made, what is refused, and that nothing is lost."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, select, text

from promotion_gate.errors import InputError
from promotion_gate.operate.ledger import migrate, records, tables
from promotion_gate.operate.ledger.database import parsed, shown
from promotion_gate.operate.ledger.errors import Conflict, LedgerUnavailable
from promotion_gate.operate.ledger.ledger import Ledger
from tests.operate.ledger.cases import HOUR, NOW, failure, request, telemetry
from tests.operate.ledger.test_ledger_chain import found, written


def contents(url):
    engine = create_engine(parsed(url))
    with engine.connect() as connection:
        rows = {
            table.name: [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))]
            for table in tables.metadata.sorted_tables
        }
    engine.dispose()
    return rows


def execute(url, *statements):
    engine = create_engine(parsed(url))
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


def test_a_new_sqlite_file_is_a_ledger_at_once(tmp_path):
    with Ledger.open(f"sqlite:///{tmp_path}/new.db") as ledger:
        request(ledger)
        with ledger.read() as queries:
            settings = [
                queries.connection.execute(text(f"PRAGMA {name}")).scalar_one()
                for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
            ]
    assert settings == ["wal", 2, 1, 10_000]


def test_a_file_whose_making_was_cut_short_is_made_again(tmp_path):
    url = f"sqlite:///{tmp_path}/new.db"
    execute(url, "PRAGMA journal_mode=WAL")
    assert (tmp_path / "new.db").stat().st_size > 0
    with Ledger.open(url) as ledger:
        request(ledger)


def test_who_only_looks_cannot_write_and_changes_nothing(ledger_url):
    with Ledger.look(ledger_url) as ledger:
        with pytest.raises(LedgerUnavailable, match=r"readonly|read-only"):
            request(ledger)
        with ledger.read() as queries:
            assert queries.head()[0] == 0


def test_postgresql_waits_for_the_disk_even_if_its_server_would_not(emptied):
    url = emptied()
    execute(url, "ALTER ROLE gate SET synchronous_commit = off")
    try:
        with Ledger.open(url) as ledger, ledger.read() as queries:
            assert queries.connection.execute(text("SHOW synchronous_commit")).scalar_one() == "on"
    finally:
        execute(url, "ALTER ROLE gate RESET synchronous_commit")


def test_forward_and_back_with_data_loses_nothing(ledger_url):
    written(ledger_url)
    before = contents(ledger_url)
    with Ledger.to_migrate(ledger_url) as ledger:
        assert ledger.migrate("ledger_0001") == ("ledger_0004", "ledger_0001")
        assert ledger.migrate("ledger_0001") == ("ledger_0001", "ledger_0001")
    with pytest.raises(
        InputError, match="revision ledger_0001, this version needs ledger_0004; run `promotion-gate led"
    ):
        Ledger.open(ledger_url)
    with Ledger.to_migrate(ledger_url) as ledger:
        assert ledger.migrate() == ("ledger_0001", "ledger_0004")
    assert contents(ledger_url) == before
    assert found(ledger_url) == []


def test_back_to_ledger_0003_telemetry_has_one_row_a_window_as_it_had_then(ledger_url):
    both = {"start": NOW + HOUR, "errors": 1.0}
    with Ledger.open(ledger_url) as ledger, ledger.write("agent", NOW) as writer:
        for told in (
            telemetry(),
            telemetry("b2", requests=3.0, load=0.5, **both),
            telemetry("b3", version="2", **both),
            telemetry("b4", version="1", **both),
        ):
            records.record_telemetry(writer, told)
        records.record_failure(writer, failure(evidence="500s"))
    before = contents(ledger_url)
    with Ledger.to_migrate(ledger_url) as ledger:
        assert ledger.migrate("ledger_0003") == ("ledger_0004", "ledger_0003")
    engine = create_engine(parsed(ledger_url))
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT * FROM telemetry ORDER BY window_start")).mappings().all()
        failures = connection.execute(text("SELECT * FROM failures")).mappings().all()
    engine.dispose()
    assert [(row["requests"], row["errors"], row["load"], row["sequence"]) for row in rows] == [
        (10.0, None, None, 1),
        (10.0, 1.0, None, 4),
    ]
    assert not {"version", "latency_buckets"} & set(rows[0])
    assert "evidence" not in failures[0]
    with Ledger.to_migrate(ledger_url) as ledger:
        assert ledger.migrate() == ("ledger_0003", "ledger_0004")
    assert contents(ledger_url) == before
    assert found(ledger_url) == []


def test_a_migration_that_breaks_leaves_the_ledger_as_it_was(ledger_url, monkeypatch):
    written(ledger_url)
    before = contents(ledger_url)
    with Ledger.to_migrate(ledger_url) as ledger:
        ledger.migrate("ledger_0001")
        monkeypatch.setattr(migrate.projection, "rebuild", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            ledger.migrate()
        monkeypatch.undo()
        assert ledger.migrate() == ("ledger_0001", "ledger_0004")
    assert contents(ledger_url) == before


def test_the_migrations_make_the_tables_that_the_program_knows(ledger_url):
    engine = create_engine(parsed(ledger_url))
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), tables.metadata) == []
    engine.dispose()
    scripts = ScriptDirectory(migrate.SCRIPTS)
    assert tuple(script.revision for script in scripts.walk_revisions())[::-1] == migrate.REVISIONS


def test_an_empty_postgresql_database_is_not_touched_but_by_migrate(cluster):
    url = cluster.url(cluster.database())
    with pytest.raises(InputError, match="no ledger yet; run `promotion-gate ledger migrate"):
        Ledger.open(url)
    with Ledger.to_migrate(url) as ledger:
        assert ledger.migrate() == (None, "ledger_0004")


@pytest.mark.parametrize(
    ("statements", "said"),
    [
        (
            ["CREATE TABLE experiments (id INT)", "CREATE TABLE alembic_version (version_num VARCHAR(32))"],
            "holds another program's tables (alembic_version, experiments); give the ledger a database of its own",
        ),
        (
            [
                "CREATE TABLE alembic_version (version_num VARCHAR(32))",
                "INSERT INTO alembic_version VALUES ('1bd49d398cd2')",
            ],
            "holds another program's tables (alembic_version 1bd49d398cd2), as MLflow or Optuna do; give the ledger",
        ),
        (
            [
                "CREATE TABLE alembic_version (version_num VARCHAR(32))",
                "INSERT INTO alembic_version VALUES ('ledger_9')",
            ],
            "made by a newer promotion-gate (ledger_9; this one knows ledger_0004): upgrade it",
        ),
    ],
)
def test_another_program_s_database_is_refused_and_left_alone(url, statements, said):
    def migrated(address):
        with Ledger.to_migrate(address) as ledger:
            ledger.migrate()

    execute(url, *statements)
    for attempt in (Ledger.open, Ledger.look, migrated):
        with pytest.raises(InputError) as raised:
            attempt(url)
        assert said in str(raised.value)
        assert "not-a-secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql+psycopg2://u:geheim@h/d", "no ledger on postgresql+psycopg2"),
        ("mysql://u:geheim@h/d", "no ledger on mysql"),
        ("u:geheim@h", "--database is no database URL"),
        ("sqlite://", "a ledger on SQLite is a file"),
        ("sqlite:///:memory:", "a ledger on SQLite is a file"),
        ("sqlite:////nowhere/x.db", "no folder /nowhere"),
    ],
)
def test_an_address_that_cannot_be_is_said_in_a_line_without_its_password(url, said):
    with pytest.raises(InputError) as raised:
        Ledger.open(url)
    assert said in str(raised.value)
    assert "geheim" not in str(raised.value)


def test_an_address_is_shown_without_secrets():
    assert shown(parsed("postgresql://u:geheim@h:5/d?password=geheim&x=1")) == "postgresql+psycopg://u:***@h:5/d"


def test_a_second_service_on_an_sqlite_file_is_refused_and_readers_are_not(tmp_path):
    url = f"sqlite:///{tmp_path}/ledger.db"
    with Ledger.open(url) as ledger:
        request(ledger)
        for attempt in (Ledger.open, Ledger.to_migrate):
            with pytest.raises(
                Conflict, match="another service has this ledger open; stop it first, or use PostgreSQL"
            ):
                attempt(url)
        with Ledger.look(url) as reader, reader.read() as queries:
            assert queries.head()[0] == 2
    Ledger.open(url).close()
    with pytest.raises(InputError, match="no such file"):
        Ledger.look(f"sqlite:///{tmp_path}/other.db")
