"""Work that is described in words: for language models, people and remote workers, who all take the same inputs and bring the same answer.

    {"instructions": "Sum up the review and say how content its author is.",
     "data": {"review": "Late, but well packed."},
     "answer": {"summary": {"type": "text"}, "content": {"type": "integer", "least": 1, "most": 5}}}

The answer's fields are a form to a person, a JSON schema to a language model, and what is checked before a result is accepted from anybody.
"""

from collections.abc import Mapping
from math import isfinite
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, model_validator

from agents.contract import Inputs
from agents.given import GivenFile
from models.errors import Invalid

Name = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,62}$")]
TEXT_MOST: Final = 50_000  # characters of an answer's text
_JSON: Final = {"text": "string", "number": "number", "integer": "integer", "boolean": "boolean", "choice": "string"}


class Asked(Inputs):
    """One field of the answer."""

    type: Literal["text", "number", "integer", "boolean", "choice"] = "text"
    about: str = Field("", max_length=500, description="what belongs there")
    choices: list[Annotated[str, Field(min_length=1, max_length=200)]] = Field(default=[], max_length=100, description="of a choice")
    least: float | None = Field(None, description="of a number")
    most: float | None = Field(None, description="of a number")

    @model_validator(mode="after")
    def _fits_its_type(self) -> Self:
        if (self.type == "choice") != bool(self.choices):
            message = "a field of type choice, and no other, needs choices"
            raise ValueError(message)
        if (self.least is not None or self.most is not None) and self.type not in {"number", "integer"}:
            message = "least and most are for numbers"
            raise ValueError(message)
        return self

    def as_schema(self) -> dict[str, Any]:
        """Return it as a part of a JSON schema."""
        limits = {name: value for name, value in (("minimum", self.least), ("maximum", self.most)) if value is not None}
        about = {"description": self.about} if self.about else {}
        return {"type": _JSON[self.type], **about, **({"enum": self.choices} if self.choices else {}), **limits}

    def wrong(self, value: Any) -> str | None:
        """Return what is wrong with a value, or null."""
        fits = {
            "text": isinstance(value, str) and len(value) <= TEXT_MOST,
            "choice": value in self.choices,
            "boolean": isinstance(value, bool),
            "integer": isinstance(value, int) and not isinstance(value, bool),
            "number": isinstance(value, int | float) and not isinstance(value, bool) and not (isinstance(value, float) and not isfinite(value)),
        }[self.type]
        if not fits:
            wanted = {"text": f"text of {TEXT_MOST} characters at most", "choice": f"one of {', '.join(self.choices)}"}
            return f"is not {wanted.get(self.type, f'of type {self.type}')}"
        if self.type in {"number", "integer"} and not (self.least is None or value >= self.least):
            return f"is less than {self.least:g}"
        if self.type in {"number", "integer"} and not (self.most is None or value <= self.most):
            return f"is more than {self.most:g}"
        return None


class BriefInputs(Inputs):
    """What is to be done, with what, and what the answer has to hold."""

    instructions: str = Field(min_length=1, max_length=20_000, description="what is to be done, in words")
    data: dict[Name, Any] = Field(default={}, description="name to JSON value: what it is to be done with; foreign text belongs here")
    files: dict[Name, GivenFile] = Field(default={}, max_length=20, description="name to file")
    answer: dict[Name, Asked] = Field(default={"answer": Asked()}, min_length=1, max_length=50, description="name to field of the answer")


def answer_schema(inputs: BriefInputs) -> dict[str, Any]:
    """Return the JSON schema of the answer."""
    properties = {name: field.as_schema() for name, field in inputs.answer.items()}
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def check_answer(inputs: BriefInputs, answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return an answer that has every field as it was asked for. Raises `Invalid` that names each field that is wrong, missing or unknown."""
    wrong = [f"{name} is missing" for name in inputs.answer if name not in answer]
    wrong += [f"{name} was not asked for" for name in answer if name not in inputs.answer]
    wrong += [f"{name} {why}" for name, field in inputs.answer.items() if name in answer and (why := field.wrong(answer[name]))]
    if wrong:
        message = f"the answer does not fit: {'; '.join(wrong)}"
        raise Invalid(message)
    return dict(answer)
