"""The sender of a process: which partitions it owns, through rebalances, fencing and shutdown."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Coroutine, Iterable
from typing import Any

from agents.context import SenderContext
from agents.destination import Destination, State
from agents.ledger import Destination as Key
from agents.partition import PartitionSender
from agents.rates import RateTable
from streams.health import Progress
from streams.log import Record

#: Seconds after which a delivery of a live destination counts as one that waits.
LONG_WAIT = 60.0


class Sender:
    """Owns one PartitionSender for each partition that the group has given to this process."""

    def __init__(self, context: SenderContext, rates: RateTable) -> None:
        self._context = context
        self._rates = rates
        self._partitions: dict[int, PartitionSender] = {}
        self._assigned: set[int] = set()
        self._stopping = False
        self._positions: dict[int, tuple[int, ...]] = {}
        self._background: set[asyncio.Task[None]] = set()

    def assign(self, numbers: Iterable[int]) -> None:
        """After a rebalance.

        What stays goes on sending, what went is closed, for what is new a takeover starts. Never waits.
        """
        self._assigned = set(numbers)
        for number in [n for n in self._partitions if n not in self._assigned]:
            self._let_go(self._partitions.pop(number))
            self._rates.drop_partition(number)
        for number in self._assigned:
            known = self._partitions.get(number)
            if not self._stopping and (known is None or known.is_closed()):
                self._take_over(number)

    def admit(self, record: Record) -> None:
        """Hand a record of the live stream to its partition. Never waits."""
        partition = self._partitions.get(record.partition)
        if partition is not None and not partition.is_closed():
            partition.live.admit(record)

    async def stop(self) -> None:
        """No new calls; the results of those in flight are awaited and recorded."""
        self._stopping = True
        partitions = list(self._partitions.values())
        await asyncio.gather(*(partition.drain() for partition in partitions))
        await asyncio.gather(*(partition.finish() for partition in partitions))
        for task in self._background:
            task.cancel()

    def measure(self) -> None:
        """Bring the gauges up to date."""
        metrics, destinations = self._context.metrics, self._destinations()
        states = Counter(destination.state for _, _, destination in destinations)
        metrics.partitions.set(len(self._partitions))
        metrics.places.set(sum(destination.queued for _, _, destination in destinations))
        for state in State:
            metrics.destinations.labels(state.value).set(states[state])
        metrics.in_flight.set(self._context.in_flight.held)
        metrics.slots_waiting.set(self._context.in_flight.waiting)
        metrics.budget_used.set(self._rates.most_used())
        for platform, waiting in self._rates.waiting().items():
            metrics.permits_waiting.labels(platform).set(waiting)
        ledgers = [partition.ledger for partition in self._partitions.values()]
        metrics.finished_ahead.set(sum(ledger.remembered() for ledger in ledgers))
        metrics.paused.set(sum(partition.obstacle(key) == "paused" for partition, key, _ in destinations))
        metrics.open_circuits.clear()
        metrics.waiting.clear()
        for _, (tenant, platform), destination in destinations:
            if (reason := destination.circuit.reason) is not None:
                metrics.open_circuits.labels(platform, reason).inc()
            age = self._age(destination)
            if age is not None and (destination.state is State.BEHIND or age > LONG_WAIT):
                metrics.waiting.labels(tenant, platform).set(age)

    def _age(self, destination: Destination) -> float | None:
        oldest = destination.oldest()
        return None if oldest is None else (self._context.now() - oldest) / 1000

    def _destinations(self) -> list[tuple[PartitionSender, Key, Destination]]:
        return [
            (partition, key, destination)
            for partition in self._partitions.values()
            for key, destination in partition.destinations.items()
        ]

    def owns(self, number: int) -> bool:
        """True when this sender has claimed the partition, or is about to claim it again."""
        return number in self._partitions

    def tenants_changed(self, ids: Collection[str]) -> None:
        """Configurations changed."""
        for partition in self._partitions.values():
            partition.tenants_changed(ids)

    async def watch(self, progress: Progress) -> None:
        """Tell ``progress`` whether facts lie there, and whether anything was done since the last call."""
        partitions = [p for p in self._partitions.values() if not p.is_closed()]
        lag = sum([await partition.lag() for partition in partitions])
        positions = {partition.number: partition.position() for partition in partitions}
        self._context.metrics.lag.set(lag)
        if lag == 0 and all(partition.sweep is not None for partition in partitions):
            progress.idle()
        elif positions != self._positions:
            progress.advanced()
        else:
            progress.lagging()
        self._positions = positions

    def _take_over(self, number: int) -> None:
        partition = PartitionSender(self._context, number, self._fenced)
        self._partitions[number] = partition
        partition.start()

    def _let_go(self, partition: PartitionSender) -> None:
        partition.close()
        self._spawn(partition.finish())

    def _fenced(self, partition: PartitionSender) -> None:
        self._let_go(partition)
        self._spawn(self._retake(partition))

    async def _retake(self, fenced: PartitionSender) -> None:
        """A late claim of a worker that is gone would leave the partition without a sender.

        If it is still ours, claim it again.
        """
        await asyncio.sleep(self._context.settings.session_timeout + 1.0)
        number = fenced.number
        if self._partitions.get(number) is fenced and number in self._assigned and not self._stopping:
            self._take_over(number)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
