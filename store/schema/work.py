"""Tables of work: tasks, what they wait for, who tries them, and what they bring."""

from sqlalchemy import Column, Float, Index, Table, text

from store.schema.columns import id_, int_, metadata, ref_, text_

tasks = Table(
    "tasks",
    metadata,
    id_(),
    text_("title"),  # foreign text
    text_("description"),  # foreign text
    text_("client"),
    text_("source"),  # where it came from: cli, api, demo, a marketplace, a schedule
    text_("group_id", null=True),  # tasks submitted together
    text_("ref", null=True),  # its name within the group
    text_("schedule_id", null=True),  # whose fire it came of
    text_("fire_id", null=True),
    text_("category", null=True),
    text_("category_by", null=True),  # given, model, person
    Column("confidence", Float, nullable=True),  # of the model, 0 to 1
    text_("secondary", null=True),  # JSON list: further categories
    text_("language", null=True),  # that its agent needs; null: whichever
    int_("clearance", null=True),  # that its agent needs; null: 0
    text_("kind"),  # the kind of agent that its inputs are for
    text_("inputs"),  # JSON object
    text_("wanted_agent", null=True),
    int_("price_cents"),
    text_("currency"),
    int_("cost_cents"),  # of all attempts so far
    int_("priority"),  # one point is worth one minute of waiting
    int_("timeout_s"),
    int_("attempts_most"),
    int_("backoff_s"),  # before the second attempt; doubles
    int_("start_at", null=True),  # not before
    int_("deadline_at", null=True),
    text_("needs_join", null=True),  # all (or null) or any of the tasks that it needs
    text_("approval"),  # none, needed, given: before it starts
    text_("delivery", null=True),  # none (or null), needed, given: before its result is delivered
    text_("approver", null=True),  # the user whose approval it is; null: any operator's
    int_("approval_s", null=True),  # so long after it was asked for, an approval can be given
    int_("approval_until_at", null=True),  # the instant of that, while one is asked for
    int_("due_at", null=True),  # when the result is promised
    int_("due_wake_at", null=True),  # when the next step of escalation comes
    int_("due_steps", null=True),  # how many of those were taken
    text_("state"),
    text_("outcome", null=True),
    text_("reason"),
    text_("why"),  # the reason as a sentence that names who can change it
    int_("wake_at", null=True),  # when a shift looks at it again, while waiting
    int_("queue_key", null=True),  # order in the queue: ready_at less a minute per point of priority
    int_("attempts"),  # started so far
    int_("lost"),  # of those, lost with their process or declined: they count as no tries
    text_("attempt_id", null=True),  # the one that holds it, while running
    int_("stop_at", null=True),  # when its cancellation was asked for
    int_("hold_at", null=True),  # since when it is paused although it runs
    int_("held_us", null=True),  # how long this attempt was paused before
    text_("result", null=True),  # JSON object
    int_("created_at"),
    int_("ready_at", null=True),
    int_("started_at", null=True),  # of the first attempt
    int_("finished_at", null=True),
    Index("ix_tasks_queue", "state", "category", "kind", "wanted_agent", "currency", "clearance", "language", "queue_key", "client"),
    Index("ix_tasks_wake", "state", "wake_at"),
    Index("ix_tasks_group", "group_id"),
    Index("ix_tasks_created", "created_at"),
    Index("ix_tasks_client", "client", "state", "created_at"),
    Index("ix_tasks_schedule_id", "schedule_id", "state"),
    Index("ix_tasks_fire_id", "fire_id"),
    Index("ix_tasks_due", "due_wake_at", sqlite_where=text("due_wake_at IS NOT NULL"), postgresql_where=text("due_wake_at IS NOT NULL")),
)

dependencies = Table(
    "dependencies",
    metadata,
    id_(),  # "<task>><needed task>"
    ref_("task_id", "tasks"),
    ref_("needs_id", "tasks"),
    text_("condition"),  # success, end, failure
    Index("ix_dependencies_task_id", "task_id"),
    Index("ix_dependencies_needs_id", "needs_id"),
)

attempts = Table(
    "attempts",
    metadata,
    id_(),
    ref_("task_id", "tasks"),
    int_("number"),  # 1, 2, 3 … of its task; also the fencing number
    ref_("agent_id", "agents"),
    text_("shift_id"),  # who holds the lease: a shift, "worker:<agent>" or "person:<agent>"
    text_("state"),  # running, succeeded, failed, timeout, cancelled, lost, declined
    text_("error", null=True),
    Column("progress", Float, nullable=True),  # 0 to 1
    text_("stage", null=True),
    int_("cost_cents"),
    int_("tokens_in", null=True),  # that a language model read
    int_("tokens_out", null=True),  # and wrote
    text_("run_id", null=True),  # of the Prefect task run
    int_("started_at"),
    int_("finished_at", null=True),
    Index("ix_attempts_task_id", "task_id", "number", unique=True),
    Index("ix_attempts_held", "task_id", unique=True, sqlite_where=text("state = 'running'"), postgresql_where=text("state = 'running'")),
    Index("ix_attempts_state", "state", "agent_id"),
)

artifacts = Table(
    "artifacts",
    metadata,
    id_(),
    ref_("task_id", "tasks", null=True),  # null: uploaded for a task to come
    ref_("attempt_id", "attempts", null=True),
    text_("client", null=True),  # who may have it; null: the house alone
    text_("name"),
    text_("sha256"),
    int_("size"),  # bytes
    text_("media_type"),
    int_("created_at"),
    Index("ix_artifacts_task_id", "task_id"),
    Index("ix_artifacts_sha256", "sha256"),
)

bulks = Table(
    "bulks",
    metadata,
    id_(),
    text_("deed"),  # cancel, retry, pause, resume, reprioritise, reassign
    text_("wanted"),  # JSON object: the deed as it was asked for, with its filters
    text_("before"),  # JSON list: what each task was
    int_("count"),
    text_("actor"),
    text_("state"),  # done, undone
    int_("at"),
    int_("undone_at", null=True),
)
