"""Work on tables that others use: it gives way to them, never the reverse."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from psycopg import errors
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_random

from projections.database import Connection

Done = TypeVar("Done")

#: Shorter than Postgres's deadlock timeout: whoever waits behind us waits so long at most.
_LOCK_TIMEOUT = "200ms"
_ATTEMPTS = 100


async def give_way(connection: Connection) -> None:
    """For the rest of the transaction, fail with LockNotAvailable instead of waiting long for a lock."""
    await connection.execute("SELECT set_config('lock_timeout', %s, true)", [_LOCK_TIMEOUT])


async def patiently(operation: Callable[[], Awaitable[Done]]) -> Done:
    """The result of ``operation``, one transaction, tried again while somebody else has a lock that it needs."""
    retrying = AsyncRetrying(
        retry=retry_if_exception_type((errors.LockNotAvailable, errors.DeadlockDetected)),
        stop=stop_after_attempt(_ATTEMPTS),
        wait=wait_random(0.05, 0.3),
        reraise=True,
    )
    return await retrying(operation)
