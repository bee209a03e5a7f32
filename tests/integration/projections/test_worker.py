"""The worker on real Kafka, Postgres and Valkey."""

from __future__ import annotations

import pytest

from projections.worker import serve
from streams.settings import Settings
from tests.conftest import Database
from tests.integration.projections.support import append_conversations, digests, eventually, rows, running

pytestmark = pytest.mark.integration


async def test_a_conversation_becomes_rows(system: Settings, postgres_database: Database) -> None:
    made = await append_conversations(system, 4)
    admin = postgres_database.superuser_address

    async def folded() -> bool:
        return await rows(admin, "SELECT count(*) FROM api.message WHERE (body->>'status') IN ('read', 'sent')") == [
            (8,)
        ]

    async with running(serve, system):
        await eventually(folded)
    [(body,)] = await rows(admin, "SELECT body FROM api.message WHERE message_id = %(id)s", {"id": made[0].outbound})
    print(body)
    print(await digests(admin, "generation_0001"))
    print(await rows(admin, "SELECT * from relaylog.position"))
    print(await rows(admin, "SELECT body from api.conversation"))
    assert body["status"] == "read"
