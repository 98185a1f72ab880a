"""Settings: one typed tree, built once at an edge and handed down in parts.

Read from defaults, then `<home>/arbiter.toml`, then the environment (`ARBITER_DISPATCH__SLOTS=16`); later wins.
"""

import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

PROJECT = Path(__file__).resolve().parent.parent


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Database(_Part):
    """Where the ledger lives."""

    url: SecretStr | None = None  # null: SQLite in the home; or postgresql://user:password@host/name
    durability: Literal["process", "power"] = "process"  # what a commit survives (SQLite; PostgreSQL always survives both)


class Dispatch(_Part):
    """How tasks are given out."""

    slots: int = Field(8, ge=1, le=256)  # attempts at once in one shift
    lanes: int = Field(1, ge=1, le=64)  # shifts that claim at the same time; further ones stand by
    standby: int = Field(1, ge=0, le=64)  # further shifts, ready to take over when one dies; each takes about 200 MB
    minutes: float = Field(10, gt=0)  # how long a shift works before it hands over
    lease_s: float = Field(6, gt=0)  # a shift that gave no sign for so long has lost its attempts
    worker_lease_s: float = Field(30, gt=0)  # a worker elsewhere that gave no sign for so long has lost its attempts
    category_rates: dict[str, int] = {}  # tasks of a category that may start in any minute; a category that is not named has no limit
    cancel_s: float = Field(30, gt=0)  # an agent that was asked to stop and has not by then is given up
    lost_most: int = Field(10, ge=1)  # a task whose process died so often fails


class Step(_Part):
    """What is done about a task that is not done yet when a share of its time has passed."""

    at: float = Field(gt=0, le=10)  # share of the time from submission to the promised instant
    do: Literal["warn", "raise", "reassign", "alert"]
    by: int = Field(60, ge=1, le=1000)  # of raise: points of priority, each worth one minute of waiting


class Promises(_Part):
    """When results are promised, where the task itself does not say, and what is done to keep that."""

    categories: dict[str, float] = {}  # hours from submission
    clients: dict[str, float] = {}  # hours from submission; of both the shorter counts
    steps: tuple[Step, ...] = (Step(at=0.8, do="warn"), Step(at=0.8, do="raise"), Step(at=1.0, do="alert"))


class Learn(_Part):
    """When the categorizer learns from what people said."""

    labels_least: int = Field(40, ge=8)  # labels of tasks, before it learns at all
    labels_new: int = Field(20, ge=1)  # labels since it last learned, before it learns again


class Fetch(_Part):
    """What agents may reach over the network."""

    private_hosts: tuple[str, ...] = ()  # host:port pairs that may resolve to private addresses; others are refused
    most_bytes: int = 10_000_000  # per response
    per_host_per_s: float | None = Field(None, gt=0)  # requests to one host, of all attempts of a process; null: no limit


class Api(_Part):
    """The API server."""

    host: str = "127.0.0.1"
    port: int = 8600
    origins: tuple[str, ...] = ()  # browser origins that may open the feed, beside the dashboard's own
    body_most: int = 1_000_000  # bytes of a request's body
    upload_most: int = 200_000_000  # bytes of an uploaded file
    heartbeat_s: float = Field(15, gt=0)  # how often the feed tells where the journal is
    lag_s: float = Field(10, gt=0)  # a reader of the feed that takes nothing for so long is cut off; it resumes where it was
    connections_most: int = Field(100, ge=1)  # to the feed, of one user
    token_minutes: int = 15


class Ports(_Part):
    """Usual ports of the other services; a free one is taken when one is busy."""

    dashboard: int = 8601
    prefect: int = 4200
    examples: int = 8602


class Settings(BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(env_prefix="ARBITER_", env_nested_delimiter="__", extra="ignore", frozen=True)

    home: Annotated[Path, AfterValidator(Path.resolve)] = Field(Path(".arbiter"), validate_default=True)
    database: Database = Database()
    dispatch: Dispatch = Dispatch()
    promises: Promises = Promises()
    learn: Learn = Learn()
    fetch: Fetch = Fetch()
    api: Api = Api()
    ports: Ports = Ports()
    input_roots: tuple[Path, ...] = (PROJECT / "examples",)  # folders that tasks may name files from
    confidence_least: float = Field(0.6, ge=0, le=1)  # below it a person chooses the category

    @classmethod
    def settings_customise_sources(  # noqa: D102 - pydantic-settings' own hook
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        del dotenv_settings, file_secret_settings
        toml = Path(os.environ.get("ARBITER_HOME", ".arbiter")) / "arbiter.toml"
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml)

    @property
    def shared_url(self) -> str | None:
        """Return the database that other machines may use too, as its own library takes it; null: it is a file of this machine."""
        return (
            None
            if self.database.url is None or not self.database.url.get_secret_value().startswith("postgresql")
            else (self.database.url.get_secret_value().replace("postgresql+psycopg://", "postgresql://", 1))
        )

    @property
    def database_url(self) -> str:
        """The SQLAlchemy URL of the ledger."""
        if self.database.url is None:
            return f"sqlite:///{self.home / 'ledger.db'}"
        return self.database.url.get_secret_value().replace("postgresql://", "postgresql+psycopg://", 1)

    @property
    def lake(self) -> Path:
        """Folder of segments and cubes."""
        return self.home / "lake"

    @property
    def files(self) -> Path:
        """Folder of artifacts, named by their hash."""
        return self.home / "files"

    @property
    def work(self) -> Path:
        """Folder of the working folders of attempts."""
        return self.home / "work"

    @property
    def run(self) -> Path:
        """Folder of what lives as long as the processes: addresses, doorbells, logs."""
        return self.home / "run"


def load(**changes: object) -> Settings:
    """Build the settings from files and environment, with `changes` on top. Called once by each edge."""
    return Settings(**changes)  # type: ignore[arg-type] # pydantic checks the values
