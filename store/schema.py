"""The tables: a journal, the ledger it folds to, and three small tables that are no ledger.

Every ledger table has one text primary key, `id`, and columns of text, integer and float only, so that an event's patch is plain JSON and means the
same in SQLite and in PostgreSQL. Structures are JSON text. Instants are integer microseconds since 1970 in UTC; money is integer minor units.
A column that a later version added is null in rows whose events are older.
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
    _text("state"),  # online, away, draining, offline
    _int("rate_most", null=True),  # attempts that it may start in any minute; null: no limit
    _text("reason"),  # why it is not online; empty when it is
    _text("user_id", null=True),  # whose hands it has: a person, or the account of a remote worker; null: the house's own
    _text("calendar", null=True),  # JSON: days and hours on which it works; null: always
    _text("zone", null=True),  # IANA zone of its calendar; null: UTC
    _text("languages", null=True),  # JSON list; null: whichever
    _int("clearance", null=True),  # it may see what asks for no more; null: 0
    _int("input_cents", null=True),  # per million tokens read
    _int("output_cents", null=True),  # per million tokens written
    _text("budget", null=True),  # JSON object: per (day, month), cents, tokens, minutes; null: no limit
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
    _text("schedule_id", null=True),  # whose fire it came of
    _text("fire_id", null=True),
    _text("category", null=True),
    _text("category_by", null=True),  # given, model, person
    Column("confidence", Float, nullable=True),  # of the model, 0 to 1
    _text("secondary", null=True),  # JSON list: further categories
    _text("language", null=True),  # that its agent needs; null: whichever
    _int("clearance", null=True),  # that its agent needs; null: 0
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
    _text("needs_join", null=True),  # all (or null) or any of the tasks that it needs
    _text("approval"),  # none, needed, given: before it starts
    _text("delivery", null=True),  # none (or null), needed, given: before its result is delivered
    _text("approver", null=True),  # the user whose approval it is; null: any operator's
    _int("approval_s", null=True),  # so long after it was asked for, an approval can be given
    _int("approval_until_at", null=True),  # the instant of that, while one is asked for
    _int("due_at", null=True),  # when the result is promised
    _int("due_wake_at", null=True),  # when the next step of escalation comes
    _int("due_steps", null=True),  # how many of those were taken
    _text("state"),
    _text("outcome", null=True),
    _text("reason"),
    _text("why"),  # the reason as a sentence that names who can change it
    _int("wake_at", null=True),  # when a shift looks at it again, while waiting
    _int("queue_key", null=True),  # order in the queue: ready_at less a minute per point of priority
    _int("attempts"),  # started so far
    _int("lost"),  # of those, lost with their process or declined: they count as no tries
    _text("attempt_id", null=True),  # the one that holds it, while running
    _int("stop_at", null=True),  # when its cancellation was asked for
    _int("hold_at", null=True),  # since when it is paused although it runs
    _int("held_us", null=True),  # how long this attempt was paused before
    _text("result", null=True),  # JSON object
    _int("created_at"),
    _int("ready_at", null=True),
    _int("started_at", null=True),  # of the first attempt
    _int("finished_at", null=True),
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
    _text("shift_id"),  # who holds the lease: a shift, "worker:<agent>" or "person:<agent>"
    _text("state"),  # running, succeeded, failed, timeout, cancelled, lost, declined
    _text("error", null=True),
    Column("progress", Float, nullable=True),  # 0 to 1
    _text("stage", null=True),
    _int("cost_cents"),
    _int("tokens_in", null=True),  # that a language model read
    _int("tokens_out", null=True),  # and wrote
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
    _text("policy"),  # its name and version
    _ref("agent_id", "agents", null=True),  # null: nobody fitted
    _text("candidates"),  # JSON list: agent, fits, score and its terms, or the rule that rejected it
    _text("flips", null=True),  # JSON list: the smallest changes that would have given it to another
    _text("why"),
    _int("at"),
    Index("ix_decisions_task_id", "task_id"),
)

policies = Table(  # by which tasks are routed
    "policies",
    metadata,
    _id(),
    _int("number"),  # 1, 2, 3 …: its version
    _text("definition"),  # JSON object
    _text("why"),  # what the change is for
    _text("state"),  # active, retired
    _int("created_at"),
    Index("ix_policies_number", "number", unique=True),
)

preferences = Table(  # of clients, for agents
    "preferences",
    metadata,
    _id(),  # "<client>><agent>"
    _text("client"),
    _ref("agent_id", "agents"),
    _text("stance"),  # preferred, excluded, none
    _text("why"),
    _int("at"),
    Index("ix_preferences_client", "client"),
)

circuits = Table(  # an agent that fails again and again in a category is not asked for a while
    "circuits",
    metadata,
    _id(),  # "<agent>><category>"
    _ref("agent_id", "agents"),
    _text("category"),
    _text("state"),  # closed, open, probing
    _int("failures"),  # in a row
    _int("trips"),  # how often in a row it opened
    _int("probe_at", null=True),  # from then on one attempt may try whether it works again
)

categories = Table(  # that an operator added to the six
    "categories",
    metadata,
    _id(),  # its name
    _text("description"),
    _text("state"),  # active, retired
    _int("created_at"),
)

labels = Table(  # what people said a text is about
    "labels",
    metadata,
    _id(),
    _ref("task_id", "tasks", null=True),  # null: an example
    _text("title"),  # foreign text
    _text("body"),  # foreign text
    _text("category"),
    _text("secondary"),  # JSON list
    _text("guess", null=True),  # what the model had said
    _text("author"),  # the user
    _text("state"),  # valid, withdrawn
    _int("at"),
    Index("ix_labels_task_id", "task_id"),
    Index("ix_labels_at", "at"),
)

categorizers = Table(  # versions of the model
    "categorizers",
    metadata,
    _id(),
    _int("number"),  # 1, 2, 3 …
    _text("sha256"),  # of its file
    _text("state"),  # champion, retired, rejected
    _int("labels"),  # it was trained on
    _text("card"),  # JSON object: how it did on the hold-out, beside the champion of then
    _text("why"),  # of its state
    _int("trained_at"),
    _int("promoted_at", null=True),
    Index("ix_categorizers_number", "number", unique=True),
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

bids = Table(
    "bids",
    metadata,
    _id(),
    _ref("posting_id", "postings"),
    _int("price_cents"),
    _text("currency"),
    _int("days", null=True),  # until it is delivered, as we promised
    _text("note"),  # what the client was told
    _text("state"),  # offered, won, lost, withdrawn
    _ref("task_id", "tasks", null=True),  # the task that came of it
    _int("created_at"),
    _int("decided_at", null=True),
    Index("ix_bids_posting_id", "posting_id"),
)

schedules = Table(
    "schedules",
    metadata,
    _id(),
    _text("name"),  # what people call it; unique among those that were not deleted
    _text("timing"),  # JSON object: rule, zone, calendar, roll, jitter, start, end, most
    _text("work"),  # JSON object: the template that each fire submits
    _text("catch_up"),  # all, last, none, within
    _int("within_s", null=True),
    _text("overlap"),  # skip, queue_one, queue_all, replace, allow
    _int("grace_s"),  # decided on later than this, a fire was missed
    _text("state"),  # active, paused, ended, deleted
    _text("why"),  # why it is not active; empty when it is
    _int("resume_at", null=True),  # when its pause ends by itself
    _int("decided_to"),  # every fire up to this instant has been decided on
    _int("next_at", null=True),  # its next fire; null: none comes any more
    _int("wake_at", null=True),  # when a shift looks at it: its next fire or the end of its pause
    _int("made"),  # fires made by the clock
    _int("version"),  # grows with each change of its definition
    _int("created_at"),
    Index("ix_schedules_wake", "wake_at"),
    Index("ix_schedules_name", "name", unique=True, sqlite_where=text("state <> 'deleted'"), postgresql_where=text("state <> 'deleted'")),
)

backfills = Table(
    "backfills",
    metadata,
    _id(),
    _ref("schedule_id", "schedules"),
    _int("from_at"),  # of the window, included
    _int("until_at"),  # not included
    _text("which"),  # all, missing, failed
    _int("at_once"),  # so many fires have open work at most
    _text("state"),  # running, done, cancelled
    _int("decided_to"),  # every fire of the window up to this instant has been decided on
    _int("made"),
    _int("created_at"),
    _int("finished_at", null=True),
    Index("ix_backfills_state", "state", "schedule_id"),
)

fires = Table(
    "fires",
    metadata,
    _id(),  # "<schedule>@<due>", so that none happens twice; one that was asked for has what asked behind it
    _ref("schedule_id", "schedules"),
    _int("due_at"),
    _int("last_at"),  # of several in a row that were skipped together: the last one
    _int("count"),  # how many those are
    _text("cause"),  # clock, backfill, person
    _text("verdict"),  # made, queued, skipped, failed, cancelled
    _text("why"),
    _text("note"),  # what is odd about its time: moved by daylight saving, rolled from a holiday
    _int("version"),  # of the schedule
    _ref("backfill_id", "backfills", null=True),
    _text("group_id", null=True),  # of its tasks, where there are several
    _int("decided_at"),
    _int("made_at", null=True),
    Index("ix_fires_schedule_id", "schedule_id", "due_at"),
    Index("ix_fires_queued", "schedule_id", "due_at", sqlite_where=text("verdict = 'queued'"), postgresql_where=text("verdict = 'queued'")),
    Index("ix_fires_backfill_id", "backfill_id"),
)

freezes = Table(
    "freezes",
    metadata,
    _id(),
    _text("why"),
    _int("from_at"),
    _int("until_at", null=True),  # null: until somebody ends it
    _text("timing", null=True),  # JSON object of a window that comes again; it is then as long as `length_s`
    _int("length_s", null=True),
    _text("state"),  # set, ended
    _int("created_at"),
    _int("ended_at", null=True),
    Index("ix_freezes_state", "state"),
)

bulks = Table(
    "bulks",
    metadata,
    _id(),
    _text("deed"),  # cancel, retry, pause, resume, reprioritise, reassign
    _text("wanted"),  # JSON object: the deed as it was asked for, with its filters
    _text("before"),  # JSON list: what each task was
    _int("count"),
    _text("actor"),
    _text("state"),  # done, undone
    _int("at"),
    _int("undone_at", null=True),
)

alerts = Table(
    "alerts",
    metadata,
    _id(),
    _text("name"),  # what it is about, such as "late:<schedule>"; one with a name is open at a time
    _text("severity"),  # warning, critical
    _text("title"),
    _text("advice"),  # what to do
    _text("entity", null=True),  # ledger table and key of what it is about
    _text("entity_id", null=True),
    _text("state"),  # open, resolved
    _int("opened_at"),
    _int("resolved_at", null=True),
    Index("ix_alerts_name", "name", unique=True, sqlite_where=text("state = 'open'"), postgresql_where=text("state = 'open'")),
)

channels = Table(
    "channels",
    metadata,
    _id(),
    _text("name"),
    _text("kind"),  # apprise, webhook
    _text("address"),  # as much of it as everybody may know: where secrets are is the file `keys/channels/<id>`
    _ref("user_id", "users", null=True),  # whose it is; null: the house's
    _text("state"),  # active, paused, deleted
    _text("reason"),  # why nothing arrives; empty when it does
    _int("failures"),  # in a row
    _int("next_at", null=True),  # it rests until then
    _int("reached_at", null=True),  # when something last arrived
    _int("created_at"),
    Index("ix_channels_name", "name", unique=True, sqlite_where=text("state <> 'deleted'"), postgresql_where=text("state <> 'deleted'")),
)

notify_rules = Table(
    "notify_rules",
    metadata,
    _id(),
    _text("name"),
    _ref("user_id", "users", null=True),  # whose it is; null: the house's
    _text("definition"),  # JSON object: to, events, conditions, channels, quiet hours, digest, grouping, flapping, escalation
    _text("state"),  # active, deleted
    _int("muted_until_at", null=True),
    _int("since_at"),  # what happened before is none of its business
    _int("created_at"),
)

notices = Table(
    "notices",
    metadata,
    _id(),
    _ref("user_id", "users"),
    _int("number"),  # grows in each inbox; a notice that has news gets the next one, so one number tells what was read
    _ref("rule_id", "notify_rules", null=True),  # null: somebody assigned it
    _text("kind"),  # of what happened
    _text("severity"),  # info, warning, critical
    _text("title"),
    _text("text"),
    _text("entity"),  # ledger table and key of what it is about
    _text("entity_id"),
    _int("seq"),  # of the latest event in it
    _text("group_key"),  # what it is about; what else happens to that joins it
    _int("count"),  # how many events are in it
    _text("state"),  # open, acknowledged, resolved
    _int("snoozed_until_at", null=True),
    _ref("assigned_to", "users", null=True),
    _int("acknowledged_at", null=True),
    _int("resolved_at", null=True),
    _int("escalate_at", null=True),  # when others are told because nobody acknowledged it
    _int("created_at"),
    _int("at"),  # of the latest news in it
    Index("ix_notices_user_id", "user_id", "number", unique=True),
    Index("ix_notices_group", "group_key", "state"),
    Index("ix_notices_escalate", "escalate_at", sqlite_where=text("escalate_at IS NOT NULL"), postgresql_where=text("escalate_at IS NOT NULL")),
    Index(
        "ix_notices_snoozed", "snoozed_until_at", sqlite_where=text("snoozed_until_at IS NOT NULL"),
        postgresql_where=text("snoozed_until_at IS NOT NULL"),
    ),
)  # fmt: skip

deliveries = Table(
    "deliveries",
    metadata,
    _id(),  # the same at every try, so that a receiver can drop doubles
    _ref("channel_id", "channels"),
    _ref("rule_id", "notify_rules", null=True),  # null: a test
    _text("group_key"),
    _text("severity"),
    _text("title"),
    _text("items"),  # JSON list: what happened, oldest first
    _int("count"),  # of what happened; the list holds the newest of them
    _text("state"),  # waiting, sent, dead
    _text("why"),  # why it is held; empty when it is not
    _int("tries"),
    _int("next_at"),  # not before
    _int("failed_at", null=True),  # first failure
    _text("error", null=True),  # of the last one
    _int("created_at"),
    _int("sent_at", null=True),
    Index("ix_deliveries_state", "state", "channel_id", "next_at"),
    Index("ix_deliveries_group", "rule_id", "channel_id", "group_key", "id"),
)

inboxes = Table(
    "inboxes",
    metadata,
    _id(),  # name of the user
    _int("last"),  # number of the newest notice
    _int("read_to"),  # up to this number all was read
    _text("calendar_sha256", null=True),  # of the key in the link for calendar programs
)

readers = Table(
    "readers",
    metadata,
    _id(),  # who reads the journal: notify
    _int("seq"),  # every event up to here was looked at
)

LEDGER: tuple[Table, ...] = (  # parents before children
    users, agents, tasks, dependencies, attempts, decisions, policies, preferences, circuits, categories, labels, categorizers, artifacts, requests,
    postings, bids, schedules, backfills, fires, freezes, alerts, bulks, channels, notify_rules, notices, deliveries, inboxes, readers,
)  # fmt: skip
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
    Column("name", Text, primary_key=True),  # "shift:<id>", "open:<id>", "lane:<n>" or "work:<attempt>"
    _text("holder"),
    _text("host"),  # empty: elsewhere
    _int("pid"),
    _int("born"),  # start of that process: a pid alone may be re-used
    _int("until"),
)
