"""Insert or replace a row, in words that every database knows."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Table, bindparam, insert, update


def put(connection: Connection, table: Table, key: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    """Set the values of the row of a key, making it where it is missing.

    Two statements are safe: writers come one after the other (see `ledger`).
    """
    # Values beside the statement, not in it: SQLAlchemy then needs a fifth of the time, here and wherever events pass.
    conditions = [table.c[name] == bindparam(f"key_{name}") for name in key]
    named = {f"key_{name}": value for name, value in key.items()}
    if connection.execute(update(table).where(*conditions), {**named, **values}).rowcount == 0:
        connection.execute(insert(table), {**key, **values})
