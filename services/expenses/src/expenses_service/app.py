"""Puts the service together: `uvicorn --factory expenses_service.app:create_app`."""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext

from fastapi import Depends, FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from expenses_service import __version__, docs, health, metrics, openapi, problems
from expenses_service.admission import Admission
from expenses_service.bulk.router import router as bulk
from expenses_service.cache.metrics import CacheMetrics
from expenses_service.categories.router import router as categories
from expenses_service.changes.router import router as changes
from expenses_service.cookies import access_cookie
from expenses_service.currencies.router import router as currencies
from expenses_service.expenses.router import router as expenses
from expenses_service.front import Fronted
from expenses_service.head import HeadAsGet
from expenses_service.keys.metrics import KeyMetrics
from expenses_service.lane import Lane, Look
from expenses_service.metrics import Metrics
from expenses_service.plans import Plans
from expenses_service.pool_metrics import PoolMetrics
from expenses_service.reports.router import router as reports
from expenses_service.request_log import RequestLog
from expenses_service.requests import limit_body
from expenses_service.resources import open_resources
from expenses_service.revocations.metrics import RevocationMetrics
from expenses_service.settings import Settings, load
from expenses_service.straight import Straight
from expenses_service.telemetry import Telemetry, configure_logging
from expenses_service.transfer.router import router as transfer
from expenses_service.turns import Turns

OTLP_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"  # the name that OpenTelemetry has for it


def create_app(settings: Settings | None = None) -> FastAPI:
    """The application; reads the environment when `settings` is not given, connects to nothing."""
    settings = settings or load(Settings)
    configure_logging(settings.log_level)
    requests = RequestLog(settings.log_level)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_resources(settings) as resources, traced(resources.database.engine):
            app.state.resources = resources
            for collector in (
                PoolMetrics(resources.database.engine.pool),
                CacheMetrics(resources.cache),
                KeyMetrics(resources.keys),
                RevocationMetrics(resources.revocations),
            ):
                app.state.metrics.registry.register(collector)
            yield
        requests.flush()

    app = Fronted(
        title="Expenses",
        version=__version__,
        description="Records, categories and sums of expenses.",
        lifespan=lifespan,
        dependencies=[Depends(limit_body)],
        openapi_url=None,  # docs.py serves it, with a validator
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        # Nothing collects them, and to find that out for each request takes 8 µs.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.metrics = Metrics()
    app.state.stopping = False
    plans = Plans()
    app.add_middleware(Straight, plans=plans)
    registry = app.state.metrics.registry
    app.add_middleware(Admission, longest_wait=settings.longest_wait_seconds, registry=registry)
    app.add_middleware(HeadAsGet)
    app.look = Look(access_cookie(secure=settings.secure))
    app.add_middleware(Lane, look=app.look)
    app.add_middleware(Turns)
    app.add_middleware(Telemetry, metrics=app.state.metrics, requests=requests)
    traced = _trace(app)
    for router in (
        expenses,
        health.router,
        metrics.router,
        docs.router,
        categories,
        currencies,
        reports,
        changes,
        transfer,
        bulk,
    ):
        app.include_router(router)
    plans.add(app.routes)
    problems.install(app)
    openapi.install(app, secure=settings.secure)
    return app


def _trace(app: FastAPI) -> Callable[[AsyncEngine], AbstractAsyncContextManager[None]]:
    """Trace requests if a collector is named; what is returned does so with an engine."""
    if not os.environ.get(OTLP_ENDPOINT):
        return lambda _: nullcontext()
    from expenses_service.tracing import TracedRequests, Tracing  # noqa: PLC0415 - who has no collector does not load it

    tracing = Tracing()
    app.add_middleware(TracedRequests, tracing=tracing)
    return tracing.of
