"""The kind `python`: an importable function in a process of its own."""

import json
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from pydantic import Field

from agents.contract import Agent, AgentError, Control, Inputs, Job, Result
from agents.given import inside
from agents.process import VALUE_MOST, Limits, in_child


class PythonInputs(Inputs):
    """Which function, with what arguments."""

    function: str = Field(
        pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z]\w*$",
        max_length=300,
        description="`package.module:function`; the agent's registry row lists the modules that it may import",
    )
    arguments: dict[str, Any] = Field(default={}, description="keyword arguments, JSON; a given file arrives as its absolute path")


class Python(Agent[PythonInputs]):
    """Calls a function with keyword arguments in the attempt's folder, in a child process with limits.

    The function returns a JSON object, which becomes the value; its key `files`, when there, lists the relative paths of the files to keep.
    Only functions defined in `config["modules"]` (prefixes such as `examples.`) may be called. That is a rule about which code may be asked for, no
    sandbox: the functions themselves are trusted as much as Arbiter is.
    """

    kind = "python"
    Inputs = PythonInputs

    def perform(self, job: Job[PythonInputs], control: Control) -> Result:
        """Call the function and bring what it returns."""
        prefixes = list(job.config.get("modules", ()))
        check_allowed(job.inputs.function, prefixes)
        control.report(None, f"calling {job.inputs.function}")
        request = {"do": "python", "function": job.inputs.function, "arguments": job.inputs.arguments, "modules": prefixes}
        limits = Limits.of(job.config, control, memory_mb=4096)
        value = in_child(request, folder=job.folder, control=control, limits=limits)
        return _result(job.folder, value)


def check_allowed(function: str, prefixes: Sequence[str]) -> None:
    """Raise `AgentError` unless the function's module is one of the prefixes or below one."""
    module = function.partition(":")[0]
    allowed = [prefix.rstrip(".") for prefix in prefixes]
    if not any(prefix and (module == prefix or module.startswith(f"{prefix}.")) for prefix in allowed):
        message = f"this agent may not import {module}: its registry row allows {', '.join(prefixes) or 'no module'}"
        raise AgentError(message)


def call(request: dict[str, Any]) -> object:
    """Call the function that a request names; runs in the child process."""
    module_name, _, name = request["function"].partition(":")
    function = getattr(_imported(module_name), name, None)
    if not callable(function):
        message = f"{module_name} has no function {name}"
        raise AgentError(message)
    check_allowed(f"{getattr(function, '__module__', '')}:{name}", request["modules"])  # a module may also hold what it imported from elsewhere
    return function(**request["arguments"])


def _imported(module: str) -> object:
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        message = f"{module} cannot be imported: {error}"
        raise AgentError(message) from error


def _result(folder: Path, value: object) -> Result:
    if not isinstance(value, dict):
        message = f"the function must return a JSON object, not {type(value).__name__}"
        raise AgentError(message)
    files = value.pop("files", [])
    if not isinstance(files, list) or not all(isinstance(name, str) for name in files):
        message = "`files` must be a list of relative paths"
        raise AgentError(message)
    if len(json.dumps(value)) > VALUE_MOST:
        message = f"the function returned more than {VALUE_MOST} bytes: write what is large to a file and list it in `files`"
        raise AgentError(message)
    return Result(value=value, artifacts=tuple(inside(folder, folder / name) for name in files))
