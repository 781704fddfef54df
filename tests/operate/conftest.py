"""Ledgers on both databases; PostgreSQL's tests are skipped, with a line that says why, where there is no server."""

import importlib.util
import os

import pytest
from sqlalchemy import NullPool, create_engine, text, update

from promotion_gate.operate.ledger.chain import GENESIS
from promotion_gate.operate.ledger.database import parsed
from promotion_gate.operate.ledger.ledger import Ledger
from promotion_gate.operate.ledger.tables import PROJECTIONS, events, head
from tests import programs
from tests.operate.ledger import postgres

NO_FSYNC = {"fsync": "off", "full_page_writes": "off", "shared_buffers": "32MB"}
"""The tests end processes, not the machine."""


@pytest.fixture(scope="session")
def cluster():
    if importlib.util.find_spec("psycopg") is None:
        missing = "psycopg is not installed (pip install 'psycopg[binary]')"
        if os.environ.get(programs.STRICT):
            pytest.fail(f"{missing}; {programs.STRICT} is set")
        pytest.skip(missing)
    folder = postgres.binaries()
    if folder is None:
        programs.program("initdb", "postgresql")
    with postgres.cluster(folder, **NO_FSYNC) as made:
        yield made


@pytest.fixture(scope="session")
def emptied(cluster):
    """A function that empties one migrated database and returns its URL: making one takes longer than most tests."""
    url = cluster.url(cluster.database())
    with Ledger.to_migrate(url) as made:
        made.migrate()
    engine = create_engine(parsed(url), poolclass=NullPool)
    names = ", ".join(table.name for table in (events, *PROJECTIONS))

    def empty():
        with engine.begin() as connection:
            connection.execute(text("SET LOCAL session_replication_role = replica"))
            connection.execute(text(f"TRUNCATE {names}"))
            connection.execute(update(head).values(count=0, hash=GENESIS))
        return url

    yield empty
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path_factory):
    """Where a ledger can be: a database without tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path_factory.mktemp('ledger')}/ledger.db"
    cluster = request.getfixturevalue("cluster")
    return cluster.url(cluster.database())


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request, tmp_path_factory):
    """An empty ledger of the present revision, closed."""
    if request.param == "postgresql":
        return request.getfixturevalue("emptied")()
    url = f"sqlite:///{tmp_path_factory.mktemp('ledger')}/ledger.db"
    Ledger.open(url).close()
    return url


@pytest.fixture
def ledger(ledger_url):
    """An empty ledger of the present revision."""
    with Ledger.open(ledger_url) as opened:
        yield opened
