"""The kind `shell`: a command in a sandbox."""

from pathlib import Path, PurePosixPath
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from agents.contract import Agent, Inputs
from agents.given import GivenFile

def _text(value: object) -> object:
    return str(value) if isinstance(value, Path) else value


def _relative(pattern: str) -> str:
    if PurePosixPath(pattern).is_absolute() or ".." in PurePosixPath(pattern).parts:
        message = "name files below the working folder, without a leading / and without .."
        raise ValueError(message)
    return pattern


Word = Annotated[str, BeforeValidator(_text), Field(max_length=100_000, pattern=r"^[^\x00]*$")]
Pattern = Annotated[str, AfterValidator(_relative), Field(min_length=1, max_length=200)]


class ShellInputs(Inputs):
    """Which command, and which files it makes."""

    command: list[Word] = Field(min_length=1, max_length=1000, description="program and arguments, no shell in between; a file reference becomes its path")
    stdin: GivenFile | None = Field(None, description="file to read from on standard input; null: empty")
    outputs: list[Pattern] = Field(default=[], max_length=100, description="patterns of files below the working folder to keep, such as `*.csv`; each must match a file")


class Shell(Agent[ShellInputs]):
    """See the head of this file."""

    kind = "shell"
    Inputs = ShellInputs
