"""The kind `prefect`: any Prefect deployment, with its result."""

from typing import Any

from pydantic import Field

from agents.contract import Agent, Inputs


class PrefectInputs(Inputs):
    """Which deployment, with what parameters."""

    deployment: str = Field(pattern=r"^[^/]+/[^/]+$", max_length=300, description="`<flow name>/<deployment name>`")
    parameters: dict[str, Any] = Field(default={}, description="parameters of the flow; a given file arrives as its absolute path on this machine")


class Prefect(Agent[PrefectInputs]):
    """See the head of this file."""

    kind = "prefect"
    Inputs = PrefectInputs
