"""A system with one tenant, to which facts are told and which is asked."""

from __future__ import annotations

from typing import Any

from schemas import ids
from streams.settings import Settings
from streams.topics import EVENTS
from tests.integration.projections.asking import QueryClient
from tests.integration.projections.support import ACME, append, eventually, folded, subject_of


class Desk:
    """What is told is shown when the call returns."""

    def __init__(self, settings: Settings, client: QueryClient, admin: str) -> None:
        self.settings = settings
        self.client = client
        self.admin = admin

    async def tell(self, *events: bytes) -> None:
        await append(self.settings, EVENTS, events)
        await eventually(lambda: folded(self.settings, self.admin))

    async def ask(self, path: str, **parameters: Any) -> Any:
        answer = await self.client.get(path, **parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def conversation(self, customer: str = "447700900123") -> Any:
        return await self.ask(f"/v1/conversations/{ids.conversation_id(ACME, subject_of(customer))}")
