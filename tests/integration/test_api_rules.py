"""Every route × every role, over real HTTP."""

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from api.app import create_app
from api.auth import GuardedRoute, refuse_unguarded, routes_of
from models.access import RULES, Role
from store.home import open_journal
from tests.api_server import NAMES, House, housed

pytestmark = pytest.mark.slow

ROUTES = sorted(name for name in RULES if not name.startswith("WS"))


@pytest.fixture(scope="module")
def server() -> Iterator[House]:
    with housed() as house:
        yield house


def test_the_table_and_the_app_have_the_same_routes(home):
    journal = open_journal(home)
    app = create_app(home, journal)
    journal.close()
    assert routes_of(app).keys() == RULES.keys() - {"WS /feed"}  # which `api.feed.WithFeed` serves before the app


def test_an_app_with_a_route_without_a_rule_does_not_start(home):
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.router.routes.append(GuardedRoute("/secret", lambda: "secret", methods=["GET"]))
    with pytest.raises(RuntimeError, match="GET /secret"):
        refuse_unguarded(app)


def test_an_app_with_a_route_that_asks_for_no_rule_does_not_start(home):
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.router.routes.append(APIRoute("/tasks", lambda: "secret", methods=["GET"]))
    with pytest.raises(RuntimeError, match="GET /tasks"):
        refuse_unguarded(app)


@pytest.mark.parametrize("route", ROUTES)
def test_a_route_lets_in_whom_its_rule_names_and_nobody_else(server, route):
    rule = RULES[route]
    method, path = route.split()
    address = path.format(
        agent_id="none-1",
        task_id="t_none",
        artifact_id="f_none",
        kpi_id="revenue",
        name="none",
        backfill_id="bf_none",
        freeze_id="fz_none",
        group_id="g_none",
        bulk_id="bk_none",
        notice_id="no_none",
        channel_id="ch_none",
        rule_id="nr_none",
        delivery_id="dl_none",
        bid_id="bd_none",
        attempt_id="x_none",
        label_id="lb_none",
        number=9,
    )
    if route == "GET /feed/events":
        address += "?after=e_none:1"  # of another stream, so that the answer ends at once
    for role in Role:
        status = server.ask(method, address, NAMES[role]).status_code
        if role in rule.roles:
            assert status not in {401, 403, 405, 500}, (route, role)
        else:
            assert status == 403, (route, role)
    status = server.ask(method, address, None).status_code
    assert (status == 401) is not (rule.anonymous or rule.local), route


@pytest.mark.parametrize("route", ["/metrics", "/tasks"])
@pytest.mark.parametrize("header", ["", "Bearer", "Bearer x", "Basic YTpi", "Bearer a.b.c", "x" * 999])
def test_a_wrong_token_opens_nothing(server, route, header):
    answer = server.ask("GET", route, None, headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["code"] == "unauthorized"


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "Via"])
def test_who_comes_through_a_proxy_is_not_local(server, header):
    assert server.ask("GET", "/metrics", None).status_code == 200
    assert server.ask("GET", "/metrics", None, headers={header: "127.0.0.1"}).status_code == 401


@pytest.mark.parametrize(("method", "path"), [("GET", "/no/such"), ("GET", "/docs"), ("GET", "/redoc"), ("GET", "/feed/"), ("GET", "/tasks/x/y/z")])
def test_what_is_not_a_route_is_not_found(server, method, path):
    answer = server.ask(method, path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("method", "path"),
    [("DELETE", "/tasks"), ("PUT", "/tasks/t_1"), ("HEAD", "/tasks"), ("OPTIONS", "/tasks"), ("NONSENSE", "/me")],
)
def test_another_method_is_refused(server, method, path):
    assert server.ask(method, path).status_code == 405
