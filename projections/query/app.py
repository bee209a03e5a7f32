"""The HTTP application of the query API: who asks, what went wrong, and the routes."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable

import psycopg
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from prometheus_client import CollectorRegistry, Histogram
from psycopg_pool import PoolTimeout

from projections.query.answers import CALLER
from projections.query.callers import identify
from projections.query.openapi import document
from schemas.errors import InvalidInput
from streams.directory import TenantDirectory
from streams.health import Health
from streams.http import add_ops_routes
from streams.problems import problem, problem_middleware

logger = logging.getLogger(__name__)

_PREFIX = "/v1/"


def query_app(
    table: Iterable[web.RouteDef],
    directory: TenantDirectory,
    operator_key: str,
    health: Health,
    registry: CollectorRegistry,
) -> web.Application:
    """The application; every path under ``/v1/`` needs a key."""
    app = web.Application(
        middlewares=[
            _timed(query_metrics(registry)),
            problem_middleware,
            _answered,
            _authenticated(directory, operator_key),
        ]
    )
    add_ops_routes(app, health, registry)
    description = document()

    async def openapi(_: web.Request) -> web.Response:
        return web.json_response(description)

    app.router.add_get("/openapi.json", openapi)
    app.add_routes(table)
    return app


def query_metrics(registry: CollectorRegistry) -> Histogram:
    """What the process `query` measures: seconds of requests by route and status."""
    return Histogram(
        "relaylog_query_request_seconds", "Requests by route and status", ["route", "status"], registry=registry
    )


def _timed(seconds: Histogram) -> Middleware:
    @web.middleware
    async def timed(request: web.Request, handler: Handler) -> web.StreamResponse:
        started = time.monotonic()
        response = await handler(request)
        resource = request.match_info.route.resource
        route = resource.canonical if resource is not None else "unknown"
        seconds.labels(route, str(response.status)).observe(time.monotonic() - started)
        return response

    return timed


@web.middleware
async def _answered(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except InvalidInput as error:
        return problem(400, detail=str(error), field=error.field)
    except (psycopg.OperationalError, PoolTimeout) as error:
        logger.warning("%s: Postgres does not answer (%s)", request.path, type(error).__name__)
        return problem(503, detail="the query store does not answer", headers={"Retry-After": "1"})


def _authenticated(directory: TenantDirectory, operator_key: str) -> Middleware:
    @web.middleware
    async def authenticated(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not request.path.startswith(_PREFIX):
            return await handler(request)
        if not directory.ready:
            return problem(503, detail="the tenants are not read yet", headers={"Retry-After": "1"})
        scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
        caller = None
        if scheme.lower() == "bearer" and bearer:
            caller = identify(bearer.strip(), request.query.get("tenant"), directory, operator_key)
        if caller is None:
            return problem(401, detail="expected `Authorization: Bearer KEY`", headers={"WWW-Authenticate": "Bearer"})
        request[CALLER] = caller
        return await handler(request)

    return authenticated
