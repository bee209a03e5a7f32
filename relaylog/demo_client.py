"""What the demo does at the simulated platforms, and what it sees there and in relaylog's answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import orjson

Line = dict[str, Any]


class DemoClient:
    """One tenant of a running system: its customers, its agents, and its view of the log.

    ``running`` is the content of `running.json`.
    """

    def __init__(self, http: httpx.AsyncClient, running: Mapping[str, Any], tenant_id: str) -> None:
        self._http = http
        self._tenant = next(tenant for tenant in running["tenants"] if tenant["id"] == tenant_id)
        self.genesys: str = running["simulators"]["genesys"]
        self.whatsapp: str = running["simulators"]["whatsapp"]
        self.query: str = running["query"]

    @property
    def tenant_id(self) -> str:
        """relaylog's id of the tenant."""
        return str(self._tenant["id"])

    @property
    def api_key(self) -> str:
        """The tenant's key for queries."""
        return str(self._tenant["api_key"])

    async def customer_says(self, wa_id: str, message: Mapping[str, Any]) -> str:
        """A customer writes to the tenant's number, as in a webhook's ``messages[]``; returns the wamid."""
        body = {"to": self._tenant["whatsapp"]["phone_number_id"], "message": message}
        return await self._post(f"{self.whatsapp}/_simulator/customers/{wa_id}/messages", body)

    async def agent_says(self, wa_id: str, **said: Any) -> str:
        """An agent answers with ``text`` and what the simulator takes besides; returns the Genesys message id."""
        body = {"integration": self._tenant["genesys"]["integration_id"], "to": wa_id, **said}
        return await self._post(f"{self.genesys}/_simulator/agents/messages", body)

    async def in_genesys(self, **fields: Any) -> Line | None:
        """The newest message in this tenant's Genesys books that has these fields."""
        return await self._newest(self.genesys, fields)

    async def on_whatsapp(self, **fields: Any) -> Line | None:
        """The newest message in this tenant's WhatsApp books that has these fields."""
        return await self._newest(self.whatsapp, fields)

    async def sent_to_whatsapp(self, callback_data: str) -> dict[str, Any] | None:
        """Body of the send call that carried this callback data."""
        for line in await self._lines(f"{self.whatsapp}/_simulator/ledger"):
            if line["operation"] == "message" and line["accepted"] and line["id"] == callback_data:
                return dict(line["body"])
        return None

    async def ask(self, path: str) -> dict[str, Any] | None:
        """relaylog's answer under this tenant's key; None while it says 404, or cannot answer yet."""
        answer = await self._get(path)
        if answer is None or answer.status_code == 404 or answer.status_code >= 500:
            return None
        return dict(answer.raise_for_status().json())

    async def hides(self, path: str) -> bool:
        """True when relaylog answers 404 under this tenant's key."""
        answer = await self._get(path)
        return answer is not None and answer.status_code == 404

    async def count(self, path: str) -> int:
        """Number of items of a list, over all its pages."""
        total, cursor = 0, ""
        while True:
            page = await self.ask(path + (f"?cursor={cursor}" if cursor else ""))
            if page is None:
                return total
            total += len(page["items"])
            if not page["next"]:
                return total
            cursor = page["next"]

    async def _get(self, path: str) -> httpx.Response | None:
        """None while nobody answers, as when the process is being restarted."""
        try:
            return await self._http.get(f"{self.query}{path}", headers={"Authorization": f"Bearer {self.api_key}"})
        except httpx.TransportError:
            return None

    async def _newest(self, platform: str, fields: Mapping[str, Any]) -> Line | None:
        wanted = {"tenant": self.tenant_id, **fields}
        for line in reversed(list(await self._lines(f"{platform}/_simulator/books"))):
            if all(line[name] == value for name, value in wanted.items()):
                return line
        return None

    async def _lines(self, address: str) -> Iterator[Line]:
        answer = (await self._http.get(address)).raise_for_status()
        return map(orjson.loads, answer.content.splitlines())

    async def _post(self, address: str, body: Mapping[str, Any]) -> str:
        answer = (await self._http.post(address, json=body)).raise_for_status()
        return str(answer.json()["id"])
