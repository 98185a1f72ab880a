"""The kind `call`: a web API is asked, step by step."""

from typing import Annotated, Literal

from pydantic import Field, JsonValue

from agents.contract import Agent, Inputs

Name = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_-]{0,62}$")]
Pointer = Annotated[str, Field(pattern=r"^(/[^\n]*)?$", max_length=500)]  # RFC 6901; empty is the whole answer


class Rows(Inputs):
    """A list of JSON objects in the answer, kept as a table."""

    at: Pointer = Field("", description="JSON pointer (RFC 6901) to the list; empty: the whole answer")
    name: str = Field("rows", pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$", description="the table becomes `<name>.parquet`")


class Step(Inputs):
    """One request. Anywhere in `url`, `query`, `headers` and `json`, `{"$from": "<step>", "at": "/path"}` stands for a value of an earlier answer."""

    name: Name = Field(description="how later steps and the result call this one")
    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    url: str | list[JsonValue] = Field(description='address (http or https); or a list of its parts, `["http://host/books/", {"$from": "first", "at": "/id"}]`: values are percent-escaped')
    query: dict[str, JsonValue] = Field(default={}, description="query parameters, added to the address")
    headers: dict[str, JsonValue] = Field(default={}, description="header name to value")
    json_: JsonValue = Field(None, alias="json", description="body, sent as JSON; null: none")
    save: dict[Name, Pointer] = Field(default={}, description="variable name to JSON pointer into the answer: the value that the task brings")
    rows: Rows | None = Field(None, description="a list of objects in the answer to keep as a Parquet file")
    expect: list[int] = Field(default=[200, 201, 202, 204], min_length=1, description="status codes that count as success")
    retry: bool | None = Field(None, description="may be sent again after an error; null: yes for GET, HEAD, PUT and DELETE")


class CallInputs(Inputs):
    """The requests, in order."""

    steps: list[Step] = Field(min_length=1, max_length=100, description="requests, in order")
    tries: int = Field(4, ge=1, le=10, description="how often a step may be sent, with growing pauses, when the server is unreachable, busy (429) or broken (5xx)")


class Call(Agent[CallInputs]):
    """See the head of this file."""

    kind = "call"
    Inputs = CallInputs
