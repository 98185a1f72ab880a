"""Rules of access: pure tables."""

import itertools

import pytest

from models.access import (
    HOUSE_FIELDS,
    HOUSE_KPIS,
    HOUSE_PARTS,
    RULES,
    Role,
    Viewer,
    assigned,
    for_client,
    may_use,
)
from models.errors import Invalid
from models.topics import PERSONAL, TOPIC_OF, TOPICS, Audience, Filters, Scope, concerns, topics_of
from store.figures import KPIS
from store.schema import BY_NAME


def viewer(role: Role) -> Viewer:
    return Viewer(name="scrape-1", role=role, client="acme" if role is Role.CLIENT else None)


def audience(entity="tasks", key="t_1", patch=None, **facts) -> Audience:
    return Audience.of(entity, key, "user:ann", patch or {}, facts)


@pytest.mark.parametrize("role", [None, *Role])
def test_what_has_no_rule_is_refused(role):
    assert not may_use(role, "GET /no/such/route")
    assert not may_use(role, "DELETE /tasks")


def test_only_logging_in_health_and_the_description_of_the_api_are_open_to_everybody():
    opened = {route for route in RULES if may_use(None, route)}
    files = {"GET /monitor", "GET /monitor/{name}"}  # that hold no data
    described = {"GET /openapi.json", "GET /asyncapi.json"}
    assert opened == {"POST /token", "GET /healthz", "GET /readyz", "GET /calendar.ics"} | described | files  # the calendar asks for a key


WORK = {  # of the own agent
    "POST /work/claim", "POST /work/{attempt_id}/heartbeat", "POST /work/{attempt_id}/progress", "POST /work/{attempt_id}/result",
    "POST /work/{attempt_id}/fail", "POST /work/{attempt_id}/decline", "POST /work/{attempt_id}/files",
}  # fmt: skip
OWN = {  # of oneself
    "POST /inbox/read", "POST /inbox/{notice_id}/acknowledge", "POST /inbox/{notice_id}/snooze", "POST /notify/rules",
    "POST /notify/rules/{rule_id}/mute",
}  # fmt: skip


def test_an_analyst_changes_nothing():
    changing = {route for route in RULES if route.startswith("POST") and may_use(Role.ANALYST, route)}
    only_asked = {"POST /schedules/preview", "POST /schedules/{name}/changes", "POST /policies/replay"}  # they carry what is asked about
    assert changing - only_asked - OWN == {"POST /token", "POST /token/renew", "POST /feed/ticket", "POST /calendar/link"}


def test_an_agent_changes_nothing_but_its_own_work():
    changing = {route for route in RULES if route.startswith("POST") and may_use(Role.AGENT, route)}
    only_asked = {"POST /schedules/preview", "POST /schedules/{name}/changes"}  # they carry what is asked about, and change nothing
    assert changing - only_asked - OWN - WORK == {"POST /token", "POST /token/renew", "POST /feed/ticket"}


def test_every_table_of_the_ledger_has_a_topic_and_every_topic_a_rule():
    assert TOPIC_OF.keys() == BY_NAME.keys()
    assert set(TOPIC_OF.values()) == TOPICS.keys() - {"kpis", "presence"}


def test_the_admin_may_do_everything():
    assert all(may_use(Role.ADMIN, route) for route in RULES)
    assert topics_of(Role.ADMIN) == TOPICS.keys()


def test_only_admins_follow_users():
    assert [role for role in Role if "users" in topics_of(role)] == [Role.ADMIN]


@pytest.mark.parametrize("role", Role)
def test_a_scope_never_holds_a_topic_that_the_role_may_not_follow(role):
    assert Scope.of(viewer(role), frozenset(TOPICS)).topics == topics_of(role)
    assert Scope.of(viewer(role), frozenset({"nonsense"})).topics == frozenset()


def test_the_whole_table_of_entity_role_and_owner():
    """A client sees what bears its name, but for decisions, an agent what names it, and nobody else is limited."""
    for entity, role in itertools.product(BY_NAME, Role):
        scope = Scope.of(viewer(role), frozenset(TOPICS))
        follows = TOPIC_OF[entity] in topics_of(role)
        own = audience(entity, client="acme", agent_id="scrape-1")
        kept = role is Role.CLIENT and entity == "decisions"  # how agents are chosen is the house's own
        if TOPIC_OF[entity] in PERSONAL:
            continue
        foreign = audience(entity, client="other", agent_id="query-1")
        nobodys = audience(entity)
        limited = role in {Role.CLIENT, Role.AGENT}
        assert concerns(own, scope) is (follows and not kept), (entity, role)
        assert concerns(foreign, scope) is (follows and not limited), (entity, role)
        assert concerns(nobodys, scope) is (follows and not limited), (entity, role)


def test_an_entity_without_a_topic_is_shown_to_nobody():
    unknown = audience("credentials", client="acme", agent_id="scrape-1")
    assert not any(concerns(unknown, Scope.of(viewer(role), frozenset(TOPICS))) for role in Role)


def test_an_agent_sees_the_row_of_itself_and_tasks_wanted_from_it():
    scope = Scope.of(viewer(Role.AGENT), frozenset(TOPICS))
    assert concerns(audience("agents", "scrape-1"), scope)
    assert not concerns(audience("agents", "query-1"), scope)
    assert concerns(audience("tasks", patch={"wanted_agent": "scrape-1"}), scope)
    assert not concerns(audience("tasks", "scrape-1"), scope)


@pytest.mark.parametrize("client", [None, ""])
def test_a_client_who_is_nobodys_is_refused_because_null_means_not_limited(client):
    with pytest.raises(Invalid):
        Viewer(name="ann", role=Role.CLIENT, client=client)


@pytest.mark.parametrize("role", set(Role) - {Role.CLIENT})
def test_only_a_client_belongs_to_a_client(role):
    with pytest.raises(Invalid):
        Viewer(name="ann", role=role, client="acme")


def test_what_the_house_keeps_from_clients_exists_under_that_name():
    columns = {column.name for table in BY_NAME.values() for column in table.c}
    assert columns | {"extra_cents"} >= HOUSE_FIELDS  # a fact of attempts that ended, and no column
    assert BY_NAME.keys() >= HOUSE_PARTS
    assert set(KPIS) >= HOUSE_KPIS
    assert for_client({"id": "t_1", "price_cents": 5, "cost_cents": 3}) == {"id": "t_1", "price_cents": 5}


def test_a_task_is_assigned_by_wish_or_by_an_attempt():
    task = {"task": {"wanted_agent": None}, "attempts": [{"agent_id": "query-1"}]}
    assert assigned(task, "query-1")
    assert not assigned(task, "scrape-1")
    assert assigned({"task": {"wanted_agent": "scrape-1"}, "attempts": []}, "scrape-1")


def test_what_is_personal_is_told_to_whom_it_names_and_to_nobody_else_whatever_the_role():
    for role in Role:
        scope = Scope.of(viewer(role), frozenset({"inbox"}))
        assert concerns(audience("notices", user="scrape-1", client="other"), scope), role
        assert not concerns(audience("notices", user="ann", client="acme", agent_id="scrape-1"), scope), role
        assert not concerns(audience("notices"), scope), role


TASK = audience("tasks", "t_1", {"approver": "lyn"}, client="acme", category="Data Processing", agent_id="scrape-1")
PART = audience("attempts", "x_1", {"category": "Analysis & Reporting"}, client="acme", category="Data Processing", task_id="t_1")
OTHER = audience("tasks", "t_2", client="other", category="Content Generation", agent_id="query-1")


@pytest.mark.parametrize(
    ("wanted", "seen"),
    [
        ({}, [TASK, PART, OTHER]),
        ({"client": "acme"}, [TASK, PART]),
        ({"client": "nobody"}, []),
        ({"category": "Data Processing"}, [TASK, PART]),
        ({"category": "Analysis & Reporting"}, [PART]),
        ({"agent": "query-1"}, [OTHER]),
        ({"agent": "scrape-1"}, [TASK]),
        ({"task": "t_1"}, [TASK, PART]),
        ({"client": "acme", "category": "Content Generation"}, []),
    ],
)
def test_filters_narrow_and_all_of_them_hold(wanted, seen):
    scope = Scope.of(viewer(Role.ANALYST), frozenset({"tasks"}), Filters(**wanted))
    assert [one for one in (TASK, PART, OTHER) if concerns(one, scope)] == seen


@pytest.mark.parametrize(("name", "seen"), [("ann", [TASK, PART, OTHER]), ("lyn", [TASK]), ("oli", [])])
def test_mine_is_what_one_did_and_what_names_one(name, seen):
    scope = Scope.of(Viewer(name=name, role=Role.OPERATOR), frozenset({"tasks"}), Filters(mine=True))
    assert [one for one in (TASK, PART, OTHER) if concerns(one, scope)] == seen


def test_a_filter_never_shows_what_the_role_may_not_see():
    scope = Scope.of(viewer(Role.CLIENT), frozenset(TOPICS), Filters(client="other"))
    assert not any(concerns(one, scope) for one in (TASK, PART, OTHER))


def test_viewers_share_a_scope_unless_what_they_see_depends_on_who_they_are():
    one, other = (Viewer(name=name, role=Role.OPERATOR) for name in ("ann", "oli"))
    assert Scope.of(one, frozenset({"tasks"})) == Scope.of(other, frozenset({"tasks"}))
    assert Scope.of(one, frozenset({"tasks", "inbox"})) != Scope.of(other, frozenset({"tasks", "inbox"}))
