"""What tables are made of."""

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, MetaData, Text

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    },
)

Seq = BigInteger().with_variant(Integer, "sqlite")  # SQLite: only INTEGER PRIMARY KEY can be AUTOINCREMENT


def text_(name: str, *, null: bool = False) -> Column[str]:
    """Return a column of text."""
    return Column(name, Text, nullable=null)


def int_(name: str, *, null: bool = False) -> Column[int]:
    """Return a column of whole numbers."""
    return Column(name, BigInteger, nullable=null)


def id_() -> Column[str]:
    """Return the primary key."""
    return Column("id", Text, primary_key=True)


def ref_(name: str, target: str, *, null: bool = False) -> Column[str]:
    """Return a column that names a row of another table."""
    return Column(name, Text, ForeignKey(f"{target}.id"), nullable=null)
