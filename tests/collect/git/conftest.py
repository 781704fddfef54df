import pathlib
from collections.abc import Callable

import pytest
from tqdm import tqdm

from promotion_gate.collect.git import cache, history, mining, naming, releases, repository, settings
from promotion_gate.collect.git.languages.registry import SUFFIXES
from tests.collect.git.built import Built

MAX_BYTES = 1_000_000


@pytest.fixture
def built(tmp_path) -> Built:
    return Built(tmp_path / "shop")


@pytest.fixture
def read() -> Callable[..., list[history.Commit]]:
    """All commits of a repository's HEAD, as the history reads them."""

    def commits(path: pathlib.Path, bots: tuple[str, ...] = ("*[[]bot]*",)) -> list[history.Commit]:
        with repository.opened("shop", path, MAX_BYTES) as opened:
            return history.read(opened, [opened.head], SUFFIXES, history.Authors.salted(bots), tqdm(disable=True))

    return commits


@pytest.fixture
def mine(tmp_path) -> Callable[..., mining.Mined]:
    """What a repository holds, a release a day from the second commit on; keywords are settings that differ."""

    def mined(
        path: pathlib.Path, plan: str = "every:1d", module: str = "file", workers: int = 1, **changes: object
    ) -> mining.Mined:
        rules = settings.load(None).git.model_copy(update=changes)
        authors = history.Authors.salted(rules.bots)
        how = mining.How(releases.plan(plan), naming.naming(module), rules, authors, workers)
        with cache.opened(tmp_path / "cache") as opened:
            return mining.mine("shop", path, how, opened)

    return mined
