"""The kind `query`: SQL over given files."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from agents.contract import Agent, Inputs
from agents.given import GivenFile

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]


def _named(value: object) -> object:
    return {"result": value} if isinstance(value, str) else value


class QueryInputs(Inputs):
    """Which files, and what to ask them."""

    files: dict[Name, GivenFile] = Field(min_length=1, max_length=100, description="view name to file (.csv, .json, .jsonl or .parquet): the SQL reads the file by that name")
    sql: Annotated[dict[Name, Annotated[str, Field(min_length=1, max_length=100_000)]], BeforeValidator(_named)] = Field(
        min_length=1,
        max_length=50,
        description="result name to one SELECT; each becomes `<name>.<format>`, in order, and later ones may read earlier ones by name. A lone text is the result named `result`",
    )
    format: Literal["parquet", "csv"] = Field("parquet", description="form of the result files")


class Query(Agent[QueryInputs]):
    """See the head of this file."""

    kind = "query"
    Inputs = QueryInputs
