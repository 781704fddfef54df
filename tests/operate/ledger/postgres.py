"""A PostgreSQL server of one's own: in a temporary folder, on a socket there, gone afterwards."""

import contextlib
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator

INSTALLED = pathlib.Path("/usr/lib/postgresql")
"""Where Debian has the servers' programs, which are not on the PATH."""


def binaries() -> pathlib.Path | None:
    """The folder with initdb and postgres of the newest server that is installed; None where there is none."""
    found = shutil.which("initdb")
    if found:
        return pathlib.Path(found).resolve().parent
    versions = sorted(INSTALLED.glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    return versions[-1].parent if versions else None


class Cluster:
    """A running server; databases are made and dropped in it."""

    def __init__(self, folder: pathlib.Path, programs: pathlib.Path, settings: dict[str, str]):
        self.folder, self.programs, self.settings = folder, programs, settings
        self._server: subprocess.Popen | None = None

    def start(self) -> None:
        options = {"listen_addresses": "", "unix_socket_directories": str(self.folder), **self.settings}
        arguments = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        log = (self.folder / "log").open("ab")
        self._server = subprocess.Popen(
            _as_nobody_special([str(self.programs / "postgres"), "-D", str(self.folder / "data"), *arguments]),
            stdout=log,
            stderr=log,
        )
        log.close()
        for _ in range(300):
            ready = [str(self.programs / "pg_isready"), "-q", "-h", str(self.folder), "-U", "gate", "-d", "postgres"]
            if subprocess.run(ready, check=False).returncode == 0:
                return
            time.sleep(0.05)
        raise RuntimeError((self.folder / "log").read_text())

    def stop(self, how: int = signal.SIGQUIT) -> None:
        """End it: at once, as a crash would, or by SIGINT in order, with all connections cut."""
        if self._server is not None:
            self._server.send_signal(how)
            self._server.wait(30)
            self._server = None

    def sql(self, statement: str) -> None:
        self.run("psql", "-qX", "-c", statement, "postgres")

    def run(self, program: str, *arguments: str) -> str:
        """Run one of PostgreSQL's programs against the server."""
        command = [str(self.programs / program), "-h", str(self.folder), "-U", "gate", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def database(self) -> str:
        """Make an empty database; return its name."""
        name = f"t{uuid.uuid4().hex[:12]}"
        self.sql(f"CREATE DATABASE {name}")
        return name

    def url(self, name: str) -> str:
        return f"postgresql://gate:not-a-secret@/{name}?host={self.folder}"


@contextlib.contextmanager
def cluster(programs: pathlib.Path, **settings: str) -> Iterator[Cluster]:
    """Run a server with these settings."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))  # not pytest's: a socket's path is short
    if os.geteuid() == 0:
        user = pwd.getpwnam(_user())
        os.chown(folder, user.pw_uid, user.pw_gid)
        folder.chmod(0o755)
    made = Cluster(folder, programs, settings)
    try:
        initdb = ["initdb", "-D", str(folder / "data"), "-U", "gate", "-A", "trust", "-E", "UTF8", "-N"]
        command = _as_nobody_special([str(programs / initdb[0]), *initdb[1:]])
        subprocess.run(command, check=True, capture_output=True, cwd=folder)
        made.start()
        yield made
    finally:
        made.stop()
        shutil.rmtree(folder)


def _user() -> str:
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _as_nobody_special(command: list[str]) -> list[str]:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return command
    user = pwd.getpwnam(_user())
    # The signal ends a server whose tests were killed.
    setpriv = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--pdeathsig=QUIT"]
    return [*setpriv, *command]
