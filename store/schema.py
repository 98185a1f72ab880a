"""The tables: a journal, the ledger it folds to, and three small tables that are no ledger.

Every ledger table has one text primary key, `id`, and columns of text, integer and float only, so that an event's patch is plain JSON and means the
same in SQLite and in PostgreSQL. Structures are JSON text. Instants are integer microseconds since 1970 in UTC; money is integer minor units.
"""

from sqlalchemy import BigInteger, Column, Float, ForeignKey, Index, Integer, MetaData, Table, Text, text

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    },
)

Seq = BigInteger().with_variant(Integer, "sqlite")  # SQLite: only INTEGER PRIMARY KEY can be AUTOINCREMENT


def _text(name: str, *, null: bool = False) -> Column[str]:
    return Column(name, Text, nullable=null)


def _int(name: str, *, null: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=null)


def _id() -> Column[str]:
    return Column("id", Text, primary_key=True)


def _ref(name: str, target: str, *, null: bool = False) -> Column[str]:
    return Column(name, Text, ForeignKey(f"{target}.id"), nullable=null)


journal = Table(
    "journal",
    metadata,
    Column("seq", Seq, primary_key=True, autoincrement=True),
    _int("at"),
    _text("kind"),
    _text("entity"),
    _text("key"),
    _text("actor"),
    _text("patch"),  # JSON object
    _text("facts"),  # JSON object
    Index("ix_journal_entity_key", "entity", "key", "seq"),
    sqlite_autoincrement=True,  # a sequence number is never issued twice
)

# --- the ledger -------------------------------------------------------------------------------------------------------------------------------

users = Table(
    "users",
    metadata,
    _id(),  # log-in name
    _text("role"),  # admin, operator, analyst, client, agent
    _text("client", null=True),  # whose tasks a user of role client sees
    _text("state"),  # active, disabled
    _int("session_version"),  # tokens of an older version are refused
    _text("label", null=True),  # "demo" for users that only a demonstration has
    _int("created_at"),
)

agents = Table(
    "agents",
    metadata,
    _id(),
    _text("kind"),
    _text("title"),
    _text("skills"),  # JSON list of categories
    _int("capacity"),  # attempts at once
    _int("price_cents"),  # per attempt
    _int("minute_cents"),  # per minute of an attempt
    _text("currency"),
    _text("config"),  # JSON object for the kind
    _text("state"),  # online, draining, offline
    _text("reason"),  # why it is not online; empty when it is
    _int("created_at"),
)

tasks = Table(
    "tasks",
    metadata,
    _id(),
    _text("title"),  # foreign text
    _text("description"),  # foreign text
    _text("client"),
    _text("source"),  # where it came from: cli, api, demo, a marketplace, a schedule
    _text("group_id", null=True),  # tasks submitted together
    _text("ref", null=True),  # its name within the group
    _text("category", null=True),
    _text("category_by", null=True),  # given, model, person
    Column("confidence", Float, nullable=True),  # of the model, 0 to 1
    _text("kind"),  # the kind of agent that its inputs are for
    _text("inputs"),  # JSON object
    _text("wanted_agent", null=True),
    _int("price_cents"),
    _text("currency"),
    _int("cost_cents"),  # of all attempts so far
    _int("priority"),  # one point is worth one minute of waiting
    _int("timeout_s"),
    _int("attempts_most"),
    _int("backoff_s"),  # before the second attempt; doubles
    _int("start_at", null=True),  # not before
    _int("deadline_at", null=True),
    _text("approval"),  # none, needed, given
    _text("state"),
    _text("outcome", null=True),
    _text("reason"),
    _text("why"),  # the reason as a sentence that names who can change it
    _int("wake_at", null=True),  # when a shift looks at it again, while waiting
    _int("queue_key", null=True),  # order in the queue: ready_at less a minute per point of priority
    _int("attempts"),  # started so far
    _int("lost"),  # of those, lost with their process
    _text("attempt_id", null=True),  # the one that holds it, while running
    _int("stop_at", null=True),  # when its cancellation was asked for
    _text("result", null=True),  # JSON object
    _int("created_at"),
    _int("ready_at", null=True),
    _int("started_at", null=True),  # of the first attempt
    _int("finished_at", null=True),
    Index("ix_tasks_queue", "state", "category", "kind", "wanted_agent", "currency", "queue_key"),
    Index("ix_tasks_wake", "state", "wake_at"),
    Index("ix_tasks_group", "group_id"),
    Index("ix_tasks_created", "created_at"),
    Index("ix_tasks_client", "client", "state", "created_at"),
)

dependencies = Table(
    "dependencies",
    metadata,
    _id(),  # "<task>><needed task>"
    _ref("task_id", "tasks"),
    _ref("needs_id", "tasks"),
    _text("condition"),  # success, end, failure
    Index("ix_dependencies_task_id", "task_id"),
    Index("ix_dependencies_needs_id", "needs_id"),
)

attempts = Table(
    "attempts",
    metadata,
    _id(),
    _ref("task_id", "tasks"),
    _int("number"),  # 1, 2, 3 … of its task; also the fencing number
    _ref("agent_id", "agents"),
    _text("shift_id"),  # who holds the lease
    _text("state"),  # running, succeeded, failed, timeout, cancelled, lost
    _text("error", null=True),
    Column("progress", Float, nullable=True),  # 0 to 1
    _text("stage", null=True),
    _int("cost_cents"),
    _text("run_id", null=True),  # of the Prefect task run
    _int("started_at"),
    _int("finished_at", null=True),
    Index("ix_attempts_task_id", "task_id", "number", unique=True),
    Index("ix_attempts_held", "task_id", unique=True, sqlite_where=text("state = 'running'"), postgresql_where=text("state = 'running'")),
    Index("ix_attempts_state", "state", "agent_id"),
)

decisions = Table(
    "decisions",
    metadata,
    _id(),
    _ref("task_id", "tasks"),
    _text("policy"),
    _ref("agent_id", "agents", null=True),  # null: nobody fitted
    _text("candidates"),  # JSON list: agent, fits, score and its terms, or the rule that rejected it
    _text("why"),
    _int("at"),
    Index("ix_decisions_task_id", "task_id"),
)

artifacts = Table(
    "artifacts",
    metadata,
    _id(),
    _ref("task_id", "tasks", null=True),  # null: uploaded for a task to come
    _ref("attempt_id", "attempts", null=True),
    _text("client", null=True),  # who may have it; null: the house alone
    _text("name"),
    _text("sha256"),
    _int("size"),  # bytes
    _text("media_type"),
    _int("created_at"),
    Index("ix_artifacts_task_id", "task_id"),
    Index("ix_artifacts_sha256", "sha256"),
)

requests = Table(
    "requests",
    metadata,
    _id(),  # "<actor>:<Idempotency-Key>"
    _text("body_sha256"),
    _text("answer"),  # JSON: what was answered
    _int("at"),
)

postings = Table(
    "postings",
    metadata,
    _id(),  # "<source>:<id there>"
    _text("source"),
    _text("url", null=True),
    _text("title"),  # foreign text
    _text("body"),  # foreign text
    _text("client", null=True),
    _text("category", null=True),
    Column("confidence", Float, nullable=True),
    _int("budget_min_cents", null=True),
    _int("budget_max_cents", null=True),
    _text("currency", null=True),
    _text("basis"),  # fixed, hourly, salary, unknown
    _text("state"),  # open, filled, frozen, closed
    _text("flags"),  # JSON list: what is odd about it
    _text("raw_sha256"),
    _int("posted_at", null=True),
    _int("seen_at"),
    _ref("task_id", "tasks", null=True),  # the task that came of it
    Index("ix_postings_seen_at", "seen_at"),
)

LEDGER: tuple[Table, ...] = (users, agents, tasks, dependencies, attempts, decisions, artifacts, requests, postings)  # parents before children
BY_NAME: dict[str, Table] = {table.name: table for table in LEDGER}

# --- no ledger: neither replayed nor shipped --------------------------------------------------------------------------------------------------

meta = Table("meta", metadata, Column("name", Text, primary_key=True), _text("value"))  # epoch, last boot

credentials = Table(  # secrets stay out of the journal, which has many readers; that one was set is an event
    "credentials",
    metadata,
    Column("user_id", Text, ForeignKey("users.id"), primary_key=True),
    _text("password_hash"),
)

beats = Table(  # signs of life: not worth remembering, and after a restore nobody is alive
    "beats",
    metadata,
    Column("name", Text, primary_key=True),  # "shift:<id>", "open:<id>" or "lane:<n>"
    _text("holder"),
    _text("host"),
    _int("pid"),
    _int("born"),  # start of that process: a pid alone may be re-used
    _int("until"),
)
