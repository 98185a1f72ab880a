"""The kind `call`: a web API is asked, step by step."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Self
from urllib.parse import quote

from pydantic import Field, JsonValue, model_validator

from agents.contract import Agent, AgentError, Control, Inputs, Job, Result
from agents.pointer import at, fill, sources
from agents.process import VALUE_MOST
from agents.waiting import pause_s, wait

if TYPE_CHECKING:
    from agents.fetch import Answer, Web
    from store.settings import Fetch

_REPEATABLE: Final = frozenset({"GET", "HEAD", "PUT", "DELETE"})  # a second request changes nothing more (RFC 9110)
_ADDRESS: Final = re.compile(r"^https?://[^\s/]+")

Name = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_-]{0,62}$")]
Stem = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
Pointer = Annotated[str, Field(pattern=r"^(/[^\n]*)?$", max_length=500)]  # RFC 6901; empty is the whole answer


class Rows(Inputs):
    """A list of JSON objects in the answer, kept as a table."""

    at: Pointer = Field("", description="JSON pointer (RFC 6901) to the list; empty: the whole answer")
    name: Stem = Field("rows", description="the table becomes `<name>.parquet`")


class Step(Inputs):
    """One request. Anywhere in `url`, `query`, `headers` and `json`, `{"$from": "<step>", "at": "/path"}` stands for a value of an earlier answer."""

    name: Name = Field(description="how later steps and the result call this one")
    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    url: str | list[JsonValue] = Field(
        description='address (http or https); or its parts, `["http://host/books/", {"$from": "first", "at": "/id"}]`: values are percent-escaped'
    )
    query: dict[str, JsonValue] = Field(default={}, description="query parameters, added to the address")
    headers: dict[str, JsonValue] = Field(default={}, description="header name to value")
    json_: JsonValue = Field(None, alias="json", description="body, sent as JSON; null: none")
    save: dict[Name, Pointer] = Field(default={}, description="variable name to JSON pointer into the answer: the value that the task brings")
    rows: Rows | None = Field(None, description="a list of objects in the answer to keep as a Parquet file")
    expect: list[int] = Field(default=[200, 201, 202, 204], min_length=1, description="status codes that count as success")
    retry: bool | None = Field(None, description="may be sent again after an error; null: yes for GET, HEAD, PUT and DELETE")

    @model_validator(mode="after")
    def _begins_with_an_address(self) -> Self:
        first = self.url[0] if isinstance(self.url, list) and self.url else self.url
        if not isinstance(first, str) or not _ADDRESS.match(
            first
        ):  # the host is never a value of an answer: that would let a server choose whom we call
            message = "url must begin with http:// or https:// and a host"
            raise ValueError(message)
        if isinstance(self.url, list) and len(self.url) > 1 and not re.match(r"^https?://[^\s/]+/", first):
            message = "url: the first part must hold the whole host and a / after it"
            raise ValueError(message)
        return self


class CallInputs(Inputs):
    """The requests, in order."""

    steps: list[Step] = Field(min_length=1, max_length=100, description="requests, in order")
    tries: int = Field(
        4, ge=1, le=10, description="how often a step may be sent, with growing pauses, when the server is unreachable, busy (429) or broken (5xx)"
    )

    @model_validator(mode="after")
    def _names_are_known(self) -> Self:
        known: set[str] = set()
        for number, step in enumerate(self.steps):
            for part in (step.url, step.query, step.headers, step.json_):
                if missing := [name for name in sources(part, f"steps.{number}") if name not in known]:
                    message = f"steps.{number}: there is no step {missing[0]!r} before it"
                    raise ValueError(message)
            if step.name in known:
                message = f"steps.{number}: there are two steps named {step.name!r}"
                raise ValueError(message)
            known.add(step.name)
        names = [name for step in self.steps for name in (*step.save, *([f"{step.rows.name}.parquet"] if step.rows else []))]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            message = f"{', '.join(twice)}: saved twice"
            raise ValueError(message)
        return self


class Call(Agent[CallInputs]):
    """Sends requests in order, keeps what was asked for, and writes all answers to `responses.json`.

    A step that may be repeated is sent again when the server is unreachable, busy or broken, after growing pauses. One that may not (a POST) is
    sent once, and from then on no failure is called retryable, because another attempt would send it again.
    """

    kind = "call"
    Inputs = CallInputs

    def __init__(self, fetch: "Fetch") -> None:
        self._fetch = fetch

    def perform(self, job: Job[CallInputs], control: Control) -> Result:
        """Send the requests; `responses.json` is written also when one fails, for whoever looks at the folder."""
        from agents.fetch import Web  # noqa: PLC0415 - httpx, only for those who fetch

        steps = job.inputs.steps
        talk = _Talk(folder=job.folder)
        sent_once = False
        with Web(self._fetch, control) as web:
            for number, step in enumerate(steps):
                control.report(number / len(steps), f"{step.name}: {step.method}")
                sent_once = sent_once or not _repeatable(step)
                try:
                    talk.note(step, _send(web, step, talk.answers, control, tries=job.inputs.tries))
                except AgentError as error:
                    message = f"step {step.name}: {error}"
                    raise AgentError(message, retryable=error.retryable and not sent_once) from error
        return talk.result()


@dataclass(slots=True, kw_only=True)
class _Talk:
    """What was said so far, and what of it is kept."""

    folder: Path
    answers: dict[str, Any] = field(default_factory=dict)
    log: list[dict[str, Any]] = field(default_factory=list)
    saved: dict[str, Any] = field(default_factory=dict)
    tables: list[Path] = field(default_factory=list)

    def note(self, step: Step, answer: "Answer") -> None:
        """Write the answer down and keep what the step asks for. Raises `AgentError` when that is not there."""
        body = self.answers[step.name] = _json(answer)
        self.log.append({"step": step.name, "method": step.method, "url": answer.url, "status": answer.status, "body": body})
        (self.folder / "responses.json").write_text(json.dumps(self.log, ensure_ascii=False, indent=1), encoding="utf-8")
        self.saved |= {name: at(body, pointer, "the answer") for name, pointer in step.save.items()}
        if step.rows:
            self.tables.append(_keep_rows(self.folder / f"{step.rows.name}.parquet", at(body, step.rows.at, "the answer")))

    def result(self) -> Result:
        """Return what the task brings. Raises `AgentError` when it is too large."""
        value = {"saved": self.saved, "statuses": [entry["status"] for entry in self.log]}
        if len(json.dumps(value)) > VALUE_MOST:
            message = f"what is saved is larger than {VALUE_MOST} bytes: save less, or keep it as rows"
            raise AgentError(message)
        return Result(value=value, artifacts=(self.folder / "responses.json", *self.tables))


def _repeatable(step: Step) -> bool:
    return step.retry if step.retry is not None else step.method in _REPEATABLE


def _send(web: "Web", step: Step, answers: Mapping[str, Any], control: Control, *, tries: int) -> "Answer":
    """Send one request, again after a pause with jitter as long as that may help."""
    url = _address(step.url, answers)
    headers = {name: _word(value) for name, value in fill(step.headers, answers).items()}
    query = {name: _word(value) for name, value in fill(step.query, answers).items()}
    body = fill(step.json_, answers)
    for left in reversed(range(tries if _repeatable(step) else 1)):
        try:
            return web.send(step.method, url, headers=headers, params=query, body=body).demand(step.expect)
        except AgentError as error:
            if not error.retryable or not left:
                raise
            pause = pause_s(tries - left)
            control.report(None, f"{step.name}: {error}; again in {pause:.1f} s")
            wait(control, pause)
    message = "no try was left"
    raise AssertionError(message)


def _address(url: str | list[JsonValue], answers: Mapping[str, Any]) -> str:
    """Return the address; what comes from an answer is escaped whole, so that it stays one part of the path or query."""
    if isinstance(url, str):
        return url
    return "".join(part if isinstance(part, str) else quote(_word(fill(part, answers)), safe="") for part in url)


def _word(value: Any) -> str:
    """Return a JSON scalar as text for an address or a header. Raises `AgentError` for objects, lists, nulls and line breaks."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str | int | float) or (isinstance(value, str) and re.search(r"[\x00-\x1f\x7f]", value)):
        message = f"a text or a number is needed in an address or a header, not {json.dumps(value)[:80]}"
        raise AgentError(message)
    return str(value)


def _json(answer: "Answer") -> Any:
    """Return the answer's JSON; null when it has no body."""
    if not answer.body.strip():
        return None
    try:
        return json.loads(answer.body)
    except ValueError as error:
        message = f"{answer.url} answered no JSON: {error}"
        raise AgentError(message) from error


def _keep_rows(target: Path, rows: Any) -> Path:
    import pyarrow as pa  # noqa: PLC0415 - heavy, only for those who keep rows
    from pyarrow import parquet  # noqa: PLC0415

    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        message = f"{target.name} needs a list of at least one object, not {json.dumps(rows)[:80]}"
        raise AgentError(message)
    columns = list(dict.fromkeys(name for row in rows for name in row))
    try:
        table = pa.table({name: [row.get(name) for row in rows] for name in columns})
    except pa.ArrowException as error:
        message = f"{target.name}: a column holds values of several types: {error}"
        raise AgentError(message) from error
    parquet.write_table(table, target, compression="zstd")
    return target
