"""What was measured of each blob, on disk: a blob is read once, over all releases, repositories and runs.

The key holds all that the result depends on: the blob's hash, the language, the limits and the versions of the parsers.
Files of another version of a parser are never used; the folder may be removed at any time.
"""

import json
import pathlib
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from promotion_gate.errors import InputError

BATCH = 500


class Cache:
    """Measures by key, in an SQLite file; every `put` is on disk when it returns, so that a stopped run goes on."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def get(self, keys: Iterable[str]) -> dict[str, Any]:
        """Return what is known of the keys."""
        found: dict[str, Any] = {}
        wanted = list(keys)
        for start in range(0, len(wanted), BATCH):
            part = wanted[start : start + BATCH]
            marks = ",".join("?" * len(part))
            rows = self._connection.execute(f"SELECT key, value FROM measures WHERE key IN ({marks})", part)  # noqa: S608
            found.update((key, json.loads(value)) for key, value in rows)
        return found

    def put(self, values: Mapping[str, Any]) -> None:
        """Keep values, all or none."""
        rows = [(key, json.dumps(value, separators=(",", ":"))) for key, value in values.items()]
        with self._connection:
            self._connection.executemany("INSERT OR REPLACE INTO measures VALUES (?, ?)", rows)


@contextmanager
def opened(folder: pathlib.Path) -> Iterator[Cache]:
    """Open the cache in a folder, made if need be, for the time of a `with`.

    Raises:
        InputError: the folder cannot be written, or its file is no cache.
    """
    path = folder / "blobs.sqlite"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path, timeout=60)
    except (OSError, sqlite3.Error) as error:
        raise InputError(f"{path}: cannot be opened: {error}; choose another folder with --cache") from None
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("CREATE TABLE IF NOT EXISTS measures (key TEXT PRIMARY KEY, value TEXT NOT NULL)")
        yield Cache(connection)
    except sqlite3.DatabaseError as error:
        raise InputError(f"{path}: {error}; remove the file, it is made again") from None
    finally:
        connection.close()
