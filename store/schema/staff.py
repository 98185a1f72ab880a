"""Tables of who works and who is served: users, agents, and what keeps agents from work or draws them to it."""

from sqlalchemy import Index, Table

from store.schema.columns import id_, int_, metadata, ref_, text_

users = Table(
    "users",
    metadata,
    id_(),  # log-in name
    text_("role"),  # admin, operator, analyst, client, agent
    text_("client", null=True),  # whose tasks a user of role client sees
    text_("state"),  # active, disabled
    int_("session_version"),  # tokens of an older version are refused
    text_("label", null=True),  # "demo" for users that only a demonstration has
    int_("created_at"),
)

agents = Table(
    "agents",
    metadata,
    id_(),
    text_("kind"),
    text_("title"),
    text_("skills"),  # JSON list of categories
    int_("capacity"),  # attempts at once
    int_("price_cents"),  # per attempt
    int_("minute_cents"),  # per minute of an attempt
    text_("currency"),
    text_("config"),  # JSON object for the kind
    text_("state"),  # online, away, draining, offline
    int_("rate_most", null=True),  # attempts that it may start in any minute; null: no limit
    text_("reason"),  # why it is not online; empty when it is
    text_("user_id", null=True),  # whose hands it has: a person, or the account of a remote worker; null: the house's own
    text_("calendar", null=True),  # JSON: days and hours on which it works; null: always
    text_("zone", null=True),  # IANA zone of its calendar; null: UTC
    text_("languages", null=True),  # JSON list; null: whichever
    int_("clearance", null=True),  # it may see what asks for no more; null: 0
    int_("input_cents", null=True),  # per million tokens read
    int_("output_cents", null=True),  # per million tokens written
    text_("budget", null=True),  # JSON object: per (day, month), cents, tokens, minutes; null: no limit
    int_("created_at"),
)

preferences = Table(  # of clients, for agents
    "preferences",
    metadata,
    id_(),  # "<client>><agent>"
    text_("client"),
    ref_("agent_id", "agents"),
    text_("stance"),  # preferred, excluded, none
    text_("why"),
    int_("at"),
    Index("ix_preferences_client", "client"),
)

circuits = Table(  # an agent that fails again and again in a category is not asked for a while
    "circuits",
    metadata,
    id_(),  # "<agent>><category>"
    ref_("agent_id", "agents"),
    text_("category"),
    text_("state"),  # closed, open, probing
    int_("failures"),  # in a row
    int_("trips"),  # how often in a row it opened
    int_("probe_at", null=True),  # from then on one attempt may try whether it works again
)
