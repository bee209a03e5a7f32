"""A system's topics and tables, for one test."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr

from projections.migrate import migrate
from projections.worker import serve as serve_project
from streams.provisioning import provision
from streams.settings import Settings
from tests.conftest import Database
from tests.integration.projections.asking import asking, register
from tests.integration.projections.desk import Desk
from tests.integration.projections.support import ACME, running


@pytest.fixture
def settings(kafka_address: str, topic_prefix: str, postgres_database: Database, redis_address: str) -> Settings:
    """Settings of a system with two partitions, whose servers take any free port."""
    return Settings(
        kafka=kafka_address,
        topic_prefix=topic_prefix,
        partitions=2,
        postgres=postgres_database.address,
        postgres_query=postgres_database.query_address,
        redis=redis_address,
        operator_key=SecretStr("operator-key"),
        master_key=SecretStr(base64.b64encode(bytes(32)).decode()),
        project_port=0,
        query_port=0,
        batch_records=100,
    )


@pytest.fixture
async def system(settings: Settings) -> Settings:
    """The same, with topics and tables made."""
    await provision(settings)
    await migrate(settings)
    return settings


@pytest.fixture
async def desk(system: Settings, postgres_database: Database) -> AsyncIterator[Desk]:
    """The same with one tenant, its projection and its query process running."""
    await register(system, ACME)
    async with running(serve_project, system), asking(system) as client:
        yield Desk(system, client, postgres_database.superuser_address)
