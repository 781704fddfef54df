"""The service on a real ledger and a small bundle: with tokens, and without."""

import datetime as dt
import pathlib

import pytest

from promotion_gate.operate.service import tokens
from promotion_gate.operate.service.app import build
from promotion_gate.operate.service.service import Service
from promotion_gate.operate.service.settings import Settings
from tests.cli_bundle import PARAMS, write_bundle
from tests.operate.service.client import Client

NOW = dt.datetime(2026, 1, 31, 9, tzinfo=dt.UTC)


class Clock:
    """A clock that a test moves."""

    def __init__(self):
        self.time = NOW

    def now(self):
        return self.time

    def monotonic(self):
        return (self.time - NOW).total_seconds()

    def sleep(self, seconds):
        self.time += dt.timedelta(seconds=seconds)


class World:
    """A service, its client, its clock, and tokens as they are needed."""

    def __init__(self, folder: pathlib.Path, no_auth: bool, rate: float = 1e6):
        self.folder, self.clock = folder, Clock()
        self.bundle = write_bundle(folder / "champion") if not (folder / "champion").exists() else folder / "champion"
        self.url = f"sqlite:///{folder}/ledger.db"
        settings = Settings(self.url, no_auth=no_auth, models=self.bundle, params=PARAMS, rate=rate)
        self.service = Service(settings, self.clock)
        self.client = Client(build(self.service, in_background=False))
        self.call, self.get, self.post = self.client.call, self.client.get, self.client.post

    def token(self, *scopes, name="ann", project=None, expires_at=None):
        with self.service.ledger.write("test", self.clock.time) as writer:
            return tokens.issue(writer, name, scopes, project, expires_at)

    def events(self, kind):
        with self.service.ledger.read() as queries:
            return queries.events(kinds=(kind,), limit=100_000)


@pytest.fixture(scope="module")
def open_world(tmp_path_factory):
    """Without tokens; shared by a module's tests."""
    world = World(tmp_path_factory.mktemp("open"), no_auth=True)
    yield world
    world.client.close()


@pytest.fixture
def world(tmp_path):
    """Without tokens, of one test."""
    made = World(tmp_path, no_auth=True)
    yield made
    made.client.close()


@pytest.fixture
def guarded(tmp_path):
    """With tokens."""
    made = World(tmp_path, no_auth=False)
    yield made
    made.client.close()
