"""Services in processes of their own, forked from one that has everything imported: one is up in a tenth of a second.

What is forked is what `promotion-gate serve` runs once its options are read: it opens the ledger, makes the whole
application and listens on a port of its own.
"""

import contextlib
import gc
import os
import pathlib
import socket
import tempfile
import time

from promotion_gate.operate.service import server
from promotion_gate.operate.service.settings import Settings
from tests.cli_bundle import PARAMS, write_bundle
from tests.operate.forks import FORKS


def free_port():
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return made.getsockname()[1]


class Victim:
    """A service on a ledger; started again after its death on the same port.

    Args:
        folder: of its model and its log.
        url: of the ledger.
    """

    def __init__(self, folder: pathlib.Path, url: str):
        self.port = free_port()
        self.log = folder / f"log-{self.port}"
        models = folder / "champion" if (folder / "champion").exists() else write_bundle(folder / "champion")
        self._settings = Settings(url, no_auth=True, models=models, params=PARAMS)
        self.start()

    def start(self):
        given = (self._settings, server.Address("127.0.0.1", self.port), str(self.log))
        self._process = FORKS.Process(target=_serve, args=given)
        self._process.start()

    def wait(self):
        """Return when it listens."""
        end = time.monotonic() + 60
        while time.monotonic() < end:
            with contextlib.suppress(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            time.sleep(0.01)
        raise AssertionError(self.log.read_text()[-2000:])

    @property
    def pid(self):
        return self._process.pid

    def kill(self):
        """SIGKILL; it must have lived until then."""
        assert self._process.is_alive(), self.log.read_text()[-2000:]
        self._process.kill()
        self._end()

    def close(self):
        """SIGTERM; no failure where it is dead already."""
        if self._process is not None:
            self._process.terminate()
            self._end()

    def _end(self):
        self._process.join(30)
        self._process.close()
        self._process = None


def _serve(settings, address, log):
    gc.freeze()  # what was imported is not looked through in every life
    with pathlib.Path(log).open("ab") as stream:
        os.dup2(stream.fileno(), 2)
    tempfile.tempdir = str(pathlib.Path(log).parent)  # who is killed leaves its copy of the model behind
    server.serve(settings, address)
