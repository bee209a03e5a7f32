"""Waiting out a broker that is away."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from aiokafka.errors import KafkaError
from tenacity import AsyncRetrying, before_sleep_log, retry_if_exception_type, wait_exponential

from streams.log import LogUnavailable

logger = logging.getLogger(__name__)
Result = TypeVar("Result")

_LONGEST_WAIT_SECONDS = 5.0


async def patiently(operation: Callable[[], Awaitable[Result]]) -> Result:
    """The result of ``operation``, tried again with growing waits (5 s at most) while Kafka does not answer."""
    retrying = AsyncRetrying(
        wait=wait_exponential(multiplier=0.2, max=_LONGEST_WAIT_SECONDS),
        retry=retry_if_exception_type((LogUnavailable, KafkaError)),
        before_sleep=before_sleep_log(logger, logging.WARNING),
    )
    return await retrying(operation)
