"""Figures of the gateway: totals and seconds, none of them by conversation."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from functools import cache

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class GatewayMetrics:
    """What the gateway counts; one a process.

    A figure with labels is kept as the function from their values to the child that counts them: prometheus_client
    checks the values anew at each ``labels``, which costs more than the counting.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        requests = Counter(
            "relaylog_gateway_requests_total", "requests answered", ["route", "status"], registry=registry
        )
        request_seconds = Histogram(
            "relaylog_gateway_request_seconds", "time to the answer", ["route"], buckets=_SECONDS, registry=registry
        )
        facts = Counter("relaylog_gateway_facts_total", "facts appended", ["type"], registry=registry)
        skips = Counter("relaylog_gateway_skips_total", "elements known and not ours", ["reason"], registry=registry)
        dead_letters = Counter(
            "relaylog_gateway_dead_letters_total", "elements kept as dead letters", ["reason"], registry=registry
        )
        self.requests = cache(requests.labels)
        self.request_seconds = cache(request_seconds.labels)
        self.facts = cache(facts.labels)
        self.skips = cache(skips.labels)
        self.dead_letters = cache(dead_letters.labels)
        self.append_seconds = Histogram(
            "relaylog_gateway_append_seconds", "time to Kafka's acknowledgement", buckets=_SECONDS, registry=registry
        )
        self.append_failures = Counter(
            "relaylog_gateway_append_failures_total", "appends that Kafka did not acknowledge", registry=registry
        )
        self.body_bytes = Gauge("relaylog_gateway_body_bytes", "memory set aside for bodies", registry=registry)
        self.media_bytes = Counter("relaylog_gateway_media_bytes_total", "bytes passed on", registry=registry)

    @web.middleware
    async def middleware(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Count and time every request under its route's pattern."""
        start = time.perf_counter()
        status = 500
        try:
            response = await handler(request)
            status = response.status
            return response
        except web.HTTPException as error:
            status = error.status
            raise
        finally:
            resource = request.match_info.route.resource
            route = resource.canonical if resource is not None else "none"
            self.requests(route, status).inc()
            self.request_seconds(route).observe(time.perf_counter() - start)
