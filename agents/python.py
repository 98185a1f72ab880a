"""The kind `python`: an importable function in a process of its own."""

from typing import Any

from pydantic import Field

from agents.contract import Agent, Inputs


class PythonInputs(Inputs):
    """Which function, with what arguments."""

    function: str = Field(
        pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*$",
        max_length=300,
        description="`package.module:function`; the agent's registry row lists the prefixes of modules that it may import",
    )
    arguments: dict[str, Any] = Field(
        default={}, description="keyword arguments, JSON; a given file arrives as its absolute path. The function runs in the attempt's folder and returns JSON, which is the value; key `files` lists relative paths to keep"
    )


class Python(Agent[PythonInputs]):
    """See the head of this file."""

    kind = "python"
    Inputs = PythonInputs
