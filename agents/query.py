"""The kind `query`: SQL over given files."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from agents.contract import Agent, AgentError, Control, Inputs, Job, Result
from agents.duck import locked, read
from agents.given import GivenFile, inside
from agents.plain import plain

if TYPE_CHECKING:
    import duckdb

HEAD_ROWS: Final = 5  # of each result, shown in the value
HEAD_MOST: Final = 4000  # bytes of these as JSON

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]


def _named(value: object) -> object:
    return {"result": value} if isinstance(value, str) else value


class QueryInputs(Inputs):
    """Which files, and what to ask them."""

    files: dict[Name, GivenFile] = Field(
        min_length=1, max_length=100, description="view name to file (.csv, .json, .jsonl or .parquet): the SQL reads the file by that name"
    )
    sql: Annotated[dict[Name, Annotated[str, Field(min_length=1, max_length=100_000)]], BeforeValidator(_named)] = Field(
        min_length=1,
        max_length=50,
        description="result name to one SELECT; each becomes `<name>.<format>`, in order, and later ones may read earlier ones by name. "
        "A lone text is the result named `result`",
    )
    format: Literal["parquet", "csv"] = Field("parquet", description="form of the result files")

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        if both := self.files.keys() & self.sql.keys():
            message = f"{', '.join(sorted(both))}: a result needs another name than a file"
            raise ValueError(message)
        return self


class Query(Agent[QueryInputs]):
    """Runs SELECTs in a DuckDB that sees nothing but the attempt's folder; each result becomes a file.

    The value tells of each result its rows, columns and first rows. `config["memory_mb"]` (default 1024) is the memory limit; beyond it
    DuckDB spills to disk.
    """

    kind = "query"
    Inputs = QueryInputs

    def perform(self, job: Job[QueryInputs], control: Control) -> Result:
        """Run the SELECTs in order."""
        inputs = job.inputs
        results: dict[str, Any] = {}
        artifacts = []
        with locked(job.folder, control, memory_mb=int(job.config.get("memory_mb", 1024))) as connection:
            for name, path in inputs.files.items():
                control.report(0.0, f"reading {name}")
                read(connection, inside(job.folder, path)).create_view(name)
            for number, (name, sql) in enumerate(inputs.sql.items()):
                control.report(number / len(inputs.sql), f"asking for {name}")
                artifacts.append(job.folder / f"{name}.{inputs.format}")
                results[name] = _ask(connection, name, sql, artifacts[-1])
        control.report(1.0, "done")
        return Result(value={"results": results}, artifacts=tuple(artifacts))


def _ask(connection: "duckdb.DuckDBPyConnection", name: str, sql: str, target: Path) -> dict[str, Any]:
    """Keep the result of one SELECT as a table, for those that follow, and as a file."""
    connection.sql(_select(connection, name, sql)).create(name)
    table = connection.table(name)
    if target.suffix == ".parquet":
        table.write_parquet(str(target), compression="zstd")
    else:
        table.write_csv(str(target))
    ((rows,),) = table.count("*").fetchall()
    shown = [
        {column: plain(cell, text_most=100) for column, cell in zip(table.columns, row, strict=True)} for row in table.limit(HEAD_ROWS).fetchall()
    ]
    head = shown if len(json.dumps(shown)) <= HEAD_MOST else []  # a very wide table is looked at in its file
    return {"rows": rows, "columns": dict(zip(table.columns, map(str, table.types), strict=True)), "head": head, "file": target.name}


def _select(connection: "duckdb.DuckDBPyConnection", name: str, sql: str) -> str:
    """Return the one SELECT of a text. Raises `AgentError` for anything else, since only a SELECT changes nothing."""
    import duckdb  # noqa: PLC0415 - see agents.duck

    statements = connection.extract_statements(sql)
    if len(statements) == 1 and statements[0].type == duckdb.StatementType.SELECT:
        return statements[0].query
    message = f"sql.{name} must be one SELECT, not {', '.join(statement.type.name for statement in statements) or 'nothing'}"
    raise AgentError(message)
