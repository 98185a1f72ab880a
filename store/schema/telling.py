"""Tables of what people are told: alerts, rules, channels, notices and deliveries."""

from sqlalchemy import Index, Table, text

from store.schema.columns import id_, int_, metadata, ref_, text_

alerts = Table(
    "alerts",
    metadata,
    id_(),
    text_("name"),  # what it is about, such as "late:<schedule>"; one with a name is open at a time
    text_("severity"),  # warning, critical
    text_("title"),
    text_("advice"),  # what to do
    text_("entity", null=True),  # ledger table and key of what it is about
    text_("entity_id", null=True),
    text_("state"),  # open, resolved
    int_("opened_at"),
    int_("resolved_at", null=True),
    Index("ix_alerts_name", "name", unique=True, sqlite_where=text("state = 'open'"), postgresql_where=text("state = 'open'")),
)

channels = Table(
    "channels",
    metadata,
    id_(),
    text_("name"),
    text_("kind"),  # apprise, webhook
    text_("address"),  # as much of it as everybody may know: where secrets are is the file `keys/channels/<id>`
    ref_("user_id", "users", null=True),  # whose it is; null: the house's
    text_("state"),  # active, paused, deleted
    text_("reason"),  # why nothing arrives; empty when it does
    int_("failures"),  # in a row
    int_("next_at", null=True),  # it rests until then
    int_("reached_at", null=True),  # when something last arrived
    int_("created_at"),
    Index("ix_channels_name", "name", unique=True, sqlite_where=text("state <> 'deleted'"), postgresql_where=text("state <> 'deleted'")),
)

notify_rules = Table(
    "notify_rules",
    metadata,
    id_(),
    text_("name"),
    ref_("user_id", "users", null=True),  # whose it is; null: the house's
    text_("definition"),  # JSON object: to, events, conditions, channels, quiet hours, digest, grouping, flapping, escalation
    text_("state"),  # active, deleted
    int_("muted_until_at", null=True),
    int_("since_at"),  # what happened before is none of its business
    int_("created_at"),
)

notices = Table(
    "notices",
    metadata,
    id_(),
    ref_("user_id", "users"),
    int_("number"),  # grows in each inbox; a notice that has news gets the next one, so one number tells what was read
    ref_("rule_id", "notify_rules", null=True),  # null: somebody assigned it
    text_("kind"),  # of what happened
    text_("severity"),  # info, warning, critical
    text_("title"),
    text_("text"),
    text_("entity"),  # ledger table and key of what it is about
    text_("entity_id"),
    int_("seq"),  # of the latest event in it
    text_("group_key"),  # what it is about; what else happens to that joins it
    int_("count"),  # how many events are in it
    text_("state"),  # open, acknowledged, resolved
    int_("snoozed_until_at", null=True),
    ref_("assigned_to", "users", null=True),
    int_("acknowledged_at", null=True),
    int_("resolved_at", null=True),
    int_("escalate_at", null=True),  # when others are told because nobody acknowledged it
    int_("created_at"),
    int_("at"),  # of the latest news in it
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
    id_(),  # the same at every try, so that a receiver can drop doubles
    ref_("channel_id", "channels"),
    ref_("rule_id", "notify_rules", null=True),  # null: a test
    text_("group_key"),
    text_("severity"),
    text_("title"),
    text_("items"),  # JSON list: what happened, oldest first
    int_("count"),  # of what happened; the list holds the newest of them
    text_("state"),  # waiting, sent, dead
    text_("why"),  # why it is held; empty when it is not
    int_("tries"),
    int_("next_at"),  # not before
    int_("failed_at", null=True),  # first failure
    text_("error", null=True),  # of the last one
    int_("created_at"),
    int_("sent_at", null=True),
    Index("ix_deliveries_state", "state", "channel_id", "next_at"),
    Index("ix_deliveries_group", "rule_id", "channel_id", "group_key", "id"),
)

inboxes = Table(
    "inboxes",
    metadata,
    id_(),  # name of the user
    int_("last"),  # number of the newest notice
    int_("read_to"),  # up to this number all was read
    text_("calendar_sha256", null=True),  # of the key in the link for calendar programs
)

readers = Table(
    "readers",
    metadata,
    id_(),  # who reads the journal: notify
    int_("seq"),  # every event up to here was looked at
)
