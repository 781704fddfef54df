"""What the ledger's tables have in common."""

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, MetaData, Text

WORDS = Text().with_variant(Text(collation="C"), "postgresql")
SEQUENCE = BigInteger().with_variant(Integer, "sqlite")  # SQLite's own row number, no second index

metadata = MetaData()


def sequence(name: str = "sequence") -> "Column[int]":
    """The number of the event that a row follows from."""
    return Column(name, BigInteger, ForeignKey("events.sequence"), nullable=False)
