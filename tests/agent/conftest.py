"""Laws run on busy machines too; clocks that a test moves; sources that do as they are told."""

import pytest
from hypothesis import settings

from promotion_gate.agent.spool import Spool

settings.register_profile("agent", deadline=None)
settings.load_profile("agent")


class Losses(list):
    """What a spool said it dropped."""

    def __call__(self, segment, why):
        self.append((segment.windows, why))


@pytest.fixture
def losses():
    return Losses()


@pytest.fixture
def spool(tmp_path, losses):
    with Spool(tmp_path / "spool", 1 << 20, losses).opened() as opened:
        yield opened
