"""Registered tenants and a running query process, asked over HTTP."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from projections.query import serve as serve_query
from relaylog.embedded.ports import free_ports
from streams.log import LogWriter
from streams.registration import TenantDraft, register_tenant
from streams.settings import Settings
from tests.integration.projections.support import ACME, eventually, running


def api_key(tenant: str) -> str:
    """The query key of a registered tenant."""
    return f"key-of-{tenant}"


def reading_key(tenant: str) -> str:
    """Another one, which may not write."""
    return f"reading-key-of-{tenant}"


def _sha256(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def draft(tenant: str, number: int) -> TenantDraft:
    """A tenant with one channel, whose names all carry ``number``."""
    return TenantDraft.model_validate(
        {
            "id": tenant,
            "apps": [{"name": f"app-{number}", "app_secret": "secret", "verify_token": "token"}],
            "channels": [
                {
                    "phone_number_id": f"1{number:05d}",
                    "waba_id": f"2{number:05d}",
                    "app": f"app-{number}",
                    "access_token": "token",
                    "integration_id": f"integration-{number}",
                    "webhook_secret": "a secret of sixteen or more",
                }
            ],
            "genesys": {
                "login_url": "http://127.0.0.1:1",
                "api_url": "http://127.0.0.1:1",
                "clients": [{"client_id": f"client-{number}", "client_secret": "secret"}],
            },
            "api_keys": [
                {"id": "all", "sha256": _sha256(api_key(tenant)), "scopes": ["read", "write"]},
                {"id": "reader", "sha256": _sha256(reading_key(tenant))},
            ],
        }
    )


async def register(settings: Settings, *tenants: str) -> None:
    """Register tenants with one query key each."""
    writer = LogWriter(settings)
    await writer.start()
    try:
        for number, tenant in enumerate(tenants):
            await register_tenant(settings, writer, draft(tenant, number))
    finally:
        await writer.stop()


class QueryClient:
    """A running query process, asked as one tenant or as the operator."""

    def __init__(self, port: int) -> None:
        self._http = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=10)

    async def get(self, path: str, key: str = api_key(ACME), **parameters: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return await self._http.get(path, params=parameters, headers=headers)

    async def put(self, path: str, body: Any, key: str = api_key(ACME), **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self._http.put(path, json=body, headers={"Authorization": f"Bearer {key}", **named})

    async def ready(self) -> bool:
        try:
            return (await self._http.get("/readyz")).status_code == 200
        except httpx.TransportError:
            return False

    async def close(self) -> None:
        await self._http.aclose()


@asynccontextmanager
async def asking(settings: Settings) -> AsyncIterator[QueryClient]:
    """A query process on a free port, and a client of it."""
    [port] = free_ports(1)
    client = QueryClient(port)
    async with running(serve_query, settings.model_copy(update={"query_port": port})):
        await eventually(client.ready)
        try:
            yield client
        finally:
            await client.close()
