"""What the sender is measured against: tasks that POST to the same stub and do nothing else."""

from __future__ import annotations

import asyncio
import time

import aiohttp
import msgspec

BARE = "integration-bare"
_BODY = msgspec.json.encode({"channel": {"messageId": "wamid." + "x" * 60}, "type": "Text", "text": "x" * 400})


async def bare_posts(url: str, lanes: int, seconds: float) -> float:
    """POSTs a second by ``lanes`` tasks over one session of aiohttp."""
    headers = {"Authorization": "Bearer stub", "Content-Type": "application/json"}
    url = f"{url}/api/v2/conversations/messages/{BARE}/inbound/open/message?prefetchConversationId=true"
    end = time.monotonic() + seconds

    async def lane(session: aiohttp.ClientSession) -> int:
        posts = 0
        while time.monotonic() < end:
            async with session.post(url, data=_BODY, headers=headers) as answer:
                msgspec.json.decode(await answer.read())
            posts += 1
        return posts

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        started = time.monotonic()
        posts = await asyncio.gather(*(lane(session) for _ in range(lanes)))
        return sum(posts) / (time.monotonic() - started)
