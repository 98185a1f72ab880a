"""The kind `generate`: a template and data become a document."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from agents.contract import Agent, AgentError, Control, Inputs, Job, Result
from agents.given import GivenFile, inside
from agents.process import Limits, in_child

Name = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,62}$")]


class GenerateInputs(Inputs):
    """Which template, filled with what."""

    template: str | None = Field(None, min_length=1, max_length=200_000, description="Jinja2 text; this or `template_file`")
    template_file: GivenFile | None = Field(None, description="a file with Jinja2 text; this or `template`")
    data: dict[Name, GivenFile] = Field(
        default={},
        max_length=100,
        description="variable name to file: .json gives its value, .csv, .jsonl and .parquet give a list of rows (mappings)",
    )
    values: dict[Name, Any] = Field(default={}, description="variable name to JSON value")
    format: Literal["md", "html", "txt"] = Field("md", description="form of the document; in html every value is escaped")
    name: str = Field("document", pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$", description="file name without its ending")

    @model_validator(mode="after")
    def _one_template(self) -> Self:
        if (self.template is None) == (self.template_file is None):
            message = "give either template or template_file"
            raise ValueError(message)
        if both := self.data.keys() & self.values.keys():
            message = f"{', '.join(sorted(both))}: given both in data and in values"
            raise ValueError(message)
        return self


class Generate(Agent[GenerateInputs]):
    """Fills a Jinja2 template in a sandbox: its own process, data only, no attributes of Python, no files, nothing undefined.

    Filters beside Jinja2's own: `cents | money("EUR")`, `value | number(digits)`, `text | md` (escaped for Markdown; use it for text from outside).
    Times are ISO 8601 texts. `config["memory_mb"]` (default 2048) is the memory limit.
    """

    kind = "generate"
    Inputs = GenerateInputs

    def perform(self, job: Job[GenerateInputs], control: Control) -> Result:
        """Write the document."""
        inputs = job.inputs
        target = job.folder / f"{inputs.name}.{inputs.format}"
        request = {
            "do": "generate",
            "template": _template(job),
            "data": {name: str(inside(job.folder, path)) for name, path in inputs.data.items()},
            "values": inputs.values,
            "format": inputs.format,
            "target": str(target),
        }
        control.report(None, "filling the template")
        value = in_child(request, folder=job.folder, control=control, limits=Limits.of(job.config, control, memory_mb=2048))
        return Result(value={**value, "bytes": target.stat().st_size, "file": target.name}, artifacts=(target,))


def _template(job: Job[GenerateInputs]) -> str:
    if job.inputs.template is not None:
        return job.inputs.template
    path = inside(job.folder, job.inputs.template_file or Path())
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        message = f"the template {path.name} is not UTF-8 text"
        raise AgentError(message) from error
