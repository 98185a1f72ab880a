"""The policy that tasks are routed by: what counts for how much. Amounts are minor units of the task's currency."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from models.dispatching import Manner

Share = Annotated[float, Field(ge=0, le=10, allow_inf_nan=False)]
Amount = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]


class Policy(BaseModel):
    """How agents are compared. It has a version in the ledger; the first one is these defaults."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    least: Amount = Field(100.0, gt=0, description="what a task is worth at least when agents are compared, so that unpaid work is done well too")
    late: Share = Field(0.5, description="share of its price that a task loses when its result is late")
    minute: Amount = Field(1.0, description="what a minute costs that a task waits for a busy agent")
    preferred: Share = Field(0.1, description="share of the price that a client's preference for an agent counts")
    known: Share = Field(0.1, description="share of the price that it counts that the agent has done the task before, when it is done again")
    widen_s: Annotated[float, Field(ge=0, le=86_400)] = Field(
        30.0, description="so long a task waits for the agents that suit it best, then the next ring of agents is asked too; 0: all at once"
    )
    width: Annotated[float, Field(ge=0, le=3)] = Field(0.25, description="how far agents are tried out whose success is uncertain; 0: not at all")
    regret: Amount = Field(100.0, description="prices of a task that trying out may cost in all")
    warm: Annotated[int, Field(ge=20)] = Field(2_000, description="tasks that have to have come before minutes of agents have a price")
    patience: bool = Field(default=True, description="whether a task may wait for a better agent that is busy, once minutes have a price")
    trip_after: Annotated[int, Field(ge=1, le=1000)] = Field(5, description="failures in a row after which an agent rests in a category")
    rest_s: Annotated[float, Field(ge=1, le=86_400)] = Field(60.0, description="how long it rests the first time; each further time twice as long")
    rest_most_s: Annotated[float, Field(ge=1, le=864_000)] = Field(3_600.0, description="and how long at most")

    @property
    def manner(self) -> Manner:
        """How the dispatcher goes about it."""
        return Manner(width=self.width, regret=self.regret, warm=self.warm, patience=self.patience, late=self.late)
