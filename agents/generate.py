"""The kind `generate`: a template and data become a document."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from agents.contract import Agent, Inputs
from agents.given import GivenFile

Name = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,62}$")]


class GenerateInputs(Inputs):
    """Which template, filled with what."""

    template: str | None = Field(None, min_length=1, max_length=200_000, description="Jinja2 text; this or `template_file`")
    template_file: GivenFile | None = Field(None, description="a file with Jinja2 text; this or `template`")
    data: dict[Name, GivenFile] = Field(default={}, max_length=100, description="variable name to file: .json gives its value, .csv, .jsonl and .parquet give a list of rows (mappings)")
    values: dict[Name, Any] = Field(default={}, description="variable name to JSON value")
    format: Literal["md", "html", "txt"] = Field("md", description="form of the document; in html every value is escaped")
    name: str = Field("document", pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$", description="file name without its ending")

    @model_validator(mode="after")
    def _one_template(self) -> Self:
        if (self.template is None) == (self.template_file is None):
            message = "give either template or template_file"
            raise ValueError(message)
        return self


class Generate(Agent[GenerateInputs]):
    """See the head of this file."""

    kind = "generate"
    Inputs = GenerateInputs
