"""A DuckDB that sees one folder only and ends with the attempt."""

import contextlib
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from agents.contract import AgentError, Control

if TYPE_CHECKING:
    import duckdb

FORMS: Final = (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet")


@contextlib.contextmanager
def locked(folder: Path, control: Control, *, memory_mb: int = 1024) -> Iterator["duckdb.DuckDBPyConnection"]:
    """Open an in-memory database that can read and write below the folder and nowhere else: no network, no extensions, no variables of this process.

    It spills to disk there, within the memory limit. Whatever it does when the attempt must stop is interrupted. Its errors become `AgentError`.
    """
    import duckdb  # noqa: PLC0415 - 0.35 s of CPU, paid by those who query

    spill = folder / ".duckdb"
    settings: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": f"{memory_mb}MB",
        "threads": 2,
        "temp_directory": str(spill),
        "max_temp_directory_size": "8GB",
        "python_enable_replacements": False,  # else a name in the SQL could be a variable of ours
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    with contextlib.closing(duckdb.connect(":memory:", config=settings)) as connection, _interrupted(connection, control):
        connection.execute("SET allowed_directories = ?", [[str(folder)]])
        connection.execute("SET enable_external_access = false; SET lock_configuration = true")  # last: nothing can be set after them
        try:
            yield connection
        except duckdb.InterruptException as error:
            control.check()
            message = "the query was interrupted"
            raise AgentError(message, retryable=True) from error
        except duckdb.PermissionException as error:
            message = f"the SQL may read the given files and nothing else: {_short(error)}"
            raise AgentError(message) from error
        except duckdb.Error as error:
            raise AgentError(_short(error)) from error
        finally:
            shutil.rmtree(spill, ignore_errors=True)


def read(connection: "duckdb.DuckDBPyConnection", path: Path) -> "duckdb.DuckDBPyRelation":
    """Return the table in a file. Raises `AgentError` that names the file when it is broken or of a form that is not known."""
    import duckdb  # noqa: PLC0415 - see above

    try:
        match path.suffix.lower():
            case ".csv" | ".tsv":
                return connection.read_csv(str(path))
            case ".json" | ".jsonl" | ".ndjson":
                return connection.read_json(str(path))
            case ".parquet":
                return connection.read_parquet(str(path))
    except duckdb.InterruptException:
        raise
    except duckdb.Error as error:
        message = f"the file {path.name} cannot be read: {_short(error)}"
        raise AgentError(message) from error
    message = f"the file {path.name} is of no known form: use {', '.join(FORMS)}"
    raise AgentError(message)


@contextlib.contextmanager
def _interrupted(connection: "duckdb.DuckDBPyConnection", control: Control) -> Iterator[None]:
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.2):
            if control.stopped.is_set() or control.remaining_s == 0:
                connection.interrupt()  # again and again, because it only ends what runs at that moment

    watcher = threading.Thread(target=watch, daemon=True, name="query watch")
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def _short(error: Exception) -> str:
    """Return the first lines of a DuckDB error; the rest may repeat a page of SQL or of settings."""
    return "\n".join(str(error).splitlines()[:6])[:1000]
