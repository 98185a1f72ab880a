"""Files that a task is given: how they are named when it is submitted, and where they lie when it is performed.

At submission a file is a reference, `{"$artifact": {"task": "<ref or id>", "name": "items.parquet"}}`, `{"$artifact": "<artifact id>"}` or
`{"$file": "books.csv"}`. Before the attempt each is placed below `job.folder / "inputs"` and the value becomes that absolute path.
"""

from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, ValidationInfo

from agents.contract import AgentError
from models.errors import Invalid

REFERENCES: Final = ("$artifact", "$file")
HOW: Final = 'name a file as {"$file": "books.csv"}, {"$artifact": "<id>"} or {"$artifact": {"task": "<ref or id>", "name": "items.parquet"}}'


def _path(value: object, info: ValidationInfo) -> object:
    if isinstance(value, Path):
        return value
    if isinstance(value, str) and value and not (info.context or {}).get("references"):
        return Path(value)
    raise ValueError(HOW)


GivenFile = Annotated[Path, BeforeValidator(_path, json_schema_input_type=dict[str, Any]), Field(description="A file: " + HOW)]


def promise(value: object, where: str = "inputs") -> Any:
    """Return JSON with a `Path` for each reference, which fields that want text refuse. Raises `Invalid` for a malformed reference."""
    if isinstance(value, dict):
        if any(key in value for key in REFERENCES):
            return _promised(value, where)
        return {key: promise(item, f"{where}.{key}") for key, item in value.items()}
    if isinstance(value, list):
        return [promise(item, f"{where}.{n}") for n, item in enumerate(value)]
    return value


def _promised(reference: dict[str, Any], where: str) -> Path:
    match reference:
        case {"$file": str(name)} if name and len(reference) == 1:
            return Path(name)
        case {"$artifact": str(name)} if name and len(reference) == 1:
            return Path(name)
        case {"$artifact": {"task": str(task), "name": str(name)} as named} if task and name and len(reference) == 1 and len(named) == 2:
            return Path(name)
    message = f"{where}: {HOW}"
    raise Invalid(message)


def inside(folder: Path, path: Path) -> Path:
    """Return a given file's real path. Raises `AgentError` when it is missing, no regular file, or not below the folder, links followed."""
    real = path.resolve()
    if not real.is_relative_to(folder.resolve()):
        message = f"the file {path.name} lies outside the folder of this attempt"
        raise AgentError(message)
    if not real.is_file():
        message = f"the file {path.name} is not there"
        raise AgentError(message)
    return real
