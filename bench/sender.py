"""Sender: calls a second with both ledger appends beside a bare POST loop to the same stub, 64 lanes each."""

from __future__ import annotations

import asyncio
import time
from functools import partial

import aiohttp
import msgspec

from bench.figures import Figure, alternate, figure
from bench.outgoing import Remote, Servers, append, message, register, servers
from streams.log import LogWriter
from streams.settings import Settings

#: Threads with something to send, each a lane; the bare loop has as many tasks.
LANES = 64
TENANTS = 8
ROUNDS = 3
SECONDS = 6.0
WARM_UP_SECONDS = 2.0
#: Name of the figure by seconds until the stub answers, and facts in the log: more than can be sent meanwhile.
STUBS = {"sender_100ms": (0.1, 8_000), "sender_instant": (0.0, 40_000)}
_BODY = msgspec.json.encode({"channel": {"messageId": "wamid." + "x" * 60}, "type": "Text", "text": "x" * 400})


async def bare(remote: Remote) -> float:
    """POSTs a second of tasks that do nothing else."""
    headers = {"Authorization": "Bearer stub", "Content-Type": "application/json"}
    url, end = f"{remote.url}/api/v2/conversations/messages/integration-bare", time.monotonic() + SECONDS

    async def lane(session: aiohttp.ClientSession) -> int:
        posts = 0
        while time.monotonic() < end:
            async with session.post(url, data=_BODY, headers=headers) as answer:
                msgspec.json.decode(await answer.read())
            posts += 1
        return posts

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        started = time.monotonic()
        posts = await asyncio.gather(*(lane(session) for _ in range(LANES)))
        return sum(posts) / (time.monotonic() - started)


async def sender(on: Servers, remote: Remote, facts: int) -> float:
    """Calls a second of a whole sender that finds ``facts`` deliveries in its log."""
    settings = await on.settings(4)
    await _preload(settings, remote, facts)
    before = await _sent(remote)
    sending = await on.sender(settings)
    while await _sent(remote) == before:
        sending.check()
        await asyncio.sleep(0.05)
    await asyncio.sleep(WARM_UP_SECONDS)
    first, started = await _sent(remote), time.monotonic()
    await asyncio.sleep(SECONDS)
    last, seconds = await _sent(remote), time.monotonic() - started
    sending.check()
    await on.supervisor.stop(sending.name)
    if last - before >= facts:
        raise RuntimeError(f"all {facts} deliveries were sent before the time was over: the figure would be too low")
    return (last - first) / seconds


async def _preload(settings: Settings, remote: Remote, facts: int) -> None:
    writer = LogWriter(settings)
    await writer.start()
    try:
        tenants = [await register(settings, writer, f"t{number}", remote.url) for number in range(TENANTS)]
        each = LANES // TENANTS
        deliveries = (
            (tenant.partition, message(tenant, number // TENANTS % each, number))
            for number in range(facts)
            for tenant in (tenants[number % TENANTS],)
        )
        await append(writer, deliveries)
    finally:
        await writer.stop()


async def _sent(remote: Remote) -> int:
    counts = await remote.taken()
    return sum(count for integration, count in counts.items() if integration != "integration-bare")


async def run(on: Servers) -> list[Figure]:
    """Both figures."""
    found = []
    for name, (delay, facts) in STUBS.items():
        remote = await on.stub(delay)
        measures = {"bare": partial(bare, remote), "sender": partial(sender, on, remote, facts)}
        rates = await alternate(measures, ROUNDS)
        found.append(figure(name, rates["sender"], rates["bare"]))
    return found


async def main() -> None:
    """Measure, save, print."""
    async with servers() as started:
        for measured in await run(started):
            measured.save()
            print(measured, flush=True)


if __name__ == "__main__":
    asyncio.run(main())
