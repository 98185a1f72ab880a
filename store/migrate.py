"""Migrations: brings the database of an engine to the schema of this version."""

from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Engine

from store.schema import metadata


def migrate(engine: Engine) -> None:
    """Run all migrations that are missing. Safe to run again."""
    with engine.begin() as connection:
        command.upgrade(config(connection), "head")


def differences(engine: Engine) -> list[object]:
    """Return what distinguishes the database from the schema; empty when the migrations are complete."""
    with engine.connect() as connection:
        return list(compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata))


def config(connection: object) -> Config:
    """Return Alembic's configuration for one connection."""
    settings = Config()
    settings.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    settings.attributes["connection"] = connection
    return settings
