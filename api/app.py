"""The API as an ASGI application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio.to_thread
from fastapi import FastAPI

from api import feed, problems
from api.auth import refuse_unguarded
from api.hub import Hub
from api.metrics import Edge, Figures
from api.parts import Parts
from api.routes import (
    agenda,
    bids,
    categories,
    files,
    groups,
    health,
    house,
    inbox,
    many,
    monitor,
    notify,
    outside,
    routing,
    schedules,
    sessions,
    work,
)
from store.journal import Journal
from store.settings import Settings
from tasks.health import Health
from tasks.tokens import Tokens
from tasks.users import Door

THREADS = 24  # requests at once; fewer than the connections that the pool of a PostgreSQL ledger may open


def create_app(settings: Settings, journal: Journal) -> FastAPI:
    """Make the application of a home that has been set up. Run it with `python -m api`: the feed needs its connections."""
    figures, tokens = Figures(journal), Tokens(journal, settings)
    hub = Hub(journal, settings, figures, on_user=tokens.forget)
    parts = Parts(settings=settings, journal=journal, tokens=tokens, door=Door(journal), hub=hub, figures=figures)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
        await hub.start()
        yield
        await hub.stop()

    app = FastAPI(title="Arbiter", openapi_url=None, docs_url=None, redoc_url=None, lifespan=lifespan)
    app.state.parts, app.state.health = parts, Health(journal, settings)
    for part in (
        sessions,
        work,
        outside,
        categories,
        bids,
        routing,
        groups,
        many,
        schedules,
        inbox,
        notify,
        agenda,
        files,
        house,
        health,
        monitor,
        feed,
    ):
        app.include_router(part.router)
    app.add_middleware(Edge, figures=figures)
    problems.install(app, journal.engine.dialect.loaded_dbapi.OperationalError)
    refuse_unguarded(app)
    return app
