"""The messages of the live feed. The server writes them, clients read them, and the description of the protocol is made of them.

All are JSON objects with a `type`; over a WebSocket each is one text message. Instants are ISO 8601 texts, in UTC. Clients leave out of account what
they do not know, so that fields and types may be added.
"""

from enum import IntEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, TypeAdapter

SEQ_MOST = 2**63 - 1

_Text = Annotated[str, Field(max_length=200)]


class Close(IntEnum):
    """Why the server ends a connection."""

    FAILED = 1011  # the journal cannot be read; come back
    RESTART = 1012  # the server goes; come back
    SLOW = 4008  # took nothing for too long; come back and go on where you were
    MISUNDERSTOOD = 4400  # what the client sent is not of the protocol, or too much of it
    UNAUTHORIZED = 4401  # the ticket is not valid, or the session has ended: get another ticket
    FORBIDDEN = 4403  # wrong origin, or a topic that the role may not follow
    SILENT = 4408  # no first message in time
    CANNOT_RESUME = 4409  # wrong epoch, or a cursor that the journal does not reach: begin with a snapshot
    TOO_MANY = 4429  # this user has as many connections as it may


class _Said(BaseModel):
    """What a client says: strict, so that a mistake is told."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Wish(_Said):
    """The part of its topics that a client wants; null: whichever. All that are given must hold."""

    client: _Text | None = None
    category: _Text | None = None
    agent: _Text | None = None
    task: _Text | None = Field(None, description="the id of a task")
    mine: StrictBool = Field(default=False, description="what the viewer did, and what names it")


class Auth(_Said):
    """Who it is, what it wants and where it goes on: the first message. Said again, with a new ticket alone, it makes the connection last longer."""

    type: Literal["auth"]
    ticket: Annotated[str, Field(max_length=4096, description="from POST /feed/ticket; good once, within 30 seconds")]
    after: Annotated[StrictInt, Field(ge=0, le=SEQ_MOST)] | Literal["now"] | None = Field(
        "now", description="the last sequence number that it has seen, of an event or of a heartbeat; null means now"
    )
    epoch: _Text | None = Field(None, description="the stream that `after` is of; null: whichever")
    topics: Annotated[list[_Text], Field(min_length=1, max_length=50)] | None = Field(
        None, description="null: all that its role may follow, but those that must be asked for: inbox, kpis, presence"
    )
    filters: Wish | None = None
    snapshot: StrictBool = Field(
        default=False, description="tell first how things are; events that follow come after it, and `after` counts for nothing"
    )


class Alive(_Said):
    """A sign of life; the server answers with a heartbeat at once."""

    type: Literal["heartbeat"]


class _Told(BaseModel):
    """What the server says."""

    model_config = ConfigDict(frozen=True)


class Ready(_Told):
    """The connection is open."""

    type: Literal["ready"] = "ready"
    epoch: str
    head: int = Field(description="the last sequence number of the journal")
    after: int = Field(description="where the client goes on")
    behind: int = Field(description="how many sequence numbers are to go through until it is live")
    topics: list[str]
    heartbeat_s: float = Field(description="how often the server gives a sign of life; one that is silent for two and a half of them is gone")
    expires_at: str = Field(description="when the connection ends unless it is renewed")


class Snapshot(_Told):
    """How things are at one sequence number; what a client may not see or did not ask for is absent or empty."""

    type: Literal["snapshot"] = "snapshot"
    seq: int
    tasks: list[dict[str, Any]] = Field(description="open tasks, those that are worked on first and the newest first")
    complete: bool = Field(description="whether all open tasks are there")
    counts: dict[str, int] = Field(description="how many tasks are in each state")
    attempts: list[dict[str, Any]] = Field(description="those that run")
    agents: list[dict[str, Any]]
    alerts: list[dict[str, Any]] = Field(description="those that are open")
    inbox: dict[str, int] | None = Field(None, description="how many notices are unread; null unless the topic is followed")


class Happened(_Told):
    """An event of the journal."""

    type: Literal["event"] = "event"
    seq: int = Field(description="grows; there may be gaps, of events that the client may not see or does not want")
    at: str
    kind: str = Field(description="such as task.finished")
    entity: str = Field(description="the table of the ledger")
    key: str = Field(description="of the row")
    actor: str
    patch: dict[str, Any] = Field(description="new values of the columns that changed, instants in microseconds")
    facts: dict[str, Any] = Field(description="what the ledger does not keep")


class Heartbeat(_Told):
    """There is nothing more for the client up to here. The first one after `ready` says that it is live."""

    type: Literal["heartbeat"] = "heartbeat"
    seq: int


class Renewed(_Told):
    """The connection lasts longer."""

    type: Literal["renewed"] = "renewed"
    expires_at: str


class Person(_Told):
    """Somebody who looks."""

    name: str
    role: str


class Viewers(_Told):
    """Who looks now, on all servers of the house; told when it changes."""

    type: Literal["viewers"] = "viewers"
    viewers: list[Person]


class Figures(_Told):
    """New figures were published; they reach up to this sequence number."""

    type: Literal["kpis"] = "kpis"
    seq: int


class TooOld(_Told):
    """The journal begins later than the client wants to go on: begin with a snapshot."""

    type: Literal["too_old"] = "too_old"
    tail: int = Field(description="the first sequence number that is still kept")


class WrongEpoch(_Told):
    """The stream is another one, or ends before the client wants to go on: begin with a snapshot."""

    type: Literal["wrong_epoch"] = "wrong_epoch"
    epoch: str
    head: int


SAID = (Auth, Alive)
TOLD = (Ready, Snapshot, Happened, Heartbeat, Renewed, Viewers, Figures, TooOld, WrongEpoch)

Said = Annotated[Auth | Alive, Field(discriminator="type")]
Told = Annotated[Ready | Snapshot | Happened | Heartbeat | Renewed | Viewers | Figures | TooOld | WrongEpoch, Field(discriminator="type")]

read_said: TypeAdapter[Auth | Alive] = TypeAdapter(Said)
read_told: TypeAdapter[Any] = TypeAdapter(Told)
