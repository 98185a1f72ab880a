"""Figures for Prometheus: what this process counts, and what it reads from the ledger when it is asked."""

import time
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import func, select
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import problem
from models.clock import SECOND
from models.task import State
from store.journal import Journal
from store.query import Query
from store.schema import tasks
from tasks.read import counts

METHODS = {"GET", "POST", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE"}  # others are counted as one: a label must not grow with what people send
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)

_OLDEST = Query(select(func.min(tasks.c.ready_at).label("at")).where(tasks.c.state == State.READY))


class Figures:
    """All figures of one process."""

    def __init__(self, journal: Journal) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter("arbiter_http_requests", "Requests answered", ["method", "route", "status"], registry=self.registry)
        self.seconds = Histogram("arbiter_http_seconds", "Time to the whole answer", ["route"], buckets=BUCKETS, registry=self.registry)
        self.clients = Gauge("arbiter_feed_clients", "Connections to the feed", registry=self.registry)
        self.cut = Counter("arbiter_feed_cut", "Connections to the feed that took nothing and were cut off", registry=self.registry)
        self.head = Gauge("arbiter_feed_head", "Sequence number up to which the feed has read the journal", registry=self.registry)
        self.registry.register(_Ledger(journal))

    def text(self) -> bytes:
        """Return everything in the text format of Prometheus."""
        return generate_latest(self.registry)


class _Ledger(Collector):
    """What the ledger says at the moment of asking."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Name the figures without asking the ledger."""
        yield GaugeMetricFamily("arbiter_journal_head", "Last sequence number of the journal")
        yield GaugeMetricFamily("arbiter_tasks", "Tasks by state", labels=["state"])
        yield GaugeMetricFamily("arbiter_oldest_ready_seconds", "How long the oldest ready task has waited; absent when none is ready")

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Read them."""
        head, by_state, oldest = self.describe()
        head.add_metric([], self._journal.head())
        yield head
        known = counts(self._journal)
        for state in State:
            by_state.add_metric([state], known.get(state, 0))
        yield by_state
        with self._journal.look() as view:
            row = view.one(_OLDEST)
        if row is not None and row["at"] is not None:
            oldest.add_metric([], (self._journal.clock() - row["at"]) / SECOND)
        yield oldest


class Edge:
    """The outermost layer: counts and times requests, refuses NUL, and tells browsers to guess and to keep nothing."""

    def __init__(self, app: ASGIApp, figures: Figures) -> None:
        self._app = app
        self._figures = figures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102 - ASGI's own interface
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _secure(MutableHeaders(scope=message))
            await send(message)

        try:
            if "\0" in scope["path"] or b"%00" in scope["query_string"]:
                await problem(400, "the address holds a NUL character")(scope, receive, noted)
            else:
                await self._app(scope, receive, noted)
        finally:
            self._note(scope, status, time.perf_counter() - began)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "none")
        method = scope["method"] if scope["method"] in METHODS else "other"
        self._figures.requests.labels(method, route, str(status)).inc()
        self._figures.seconds.labels(route).observe(seconds)


def _secure(headers: MutableHeaders) -> None:
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Cache-Control", "no-store")
    headers.setdefault("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; sandbox")
