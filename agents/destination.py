"""One destination of a partition: live or behind, with a bounded queue of deliveries in lanes."""

from __future__ import annotations

from collections import deque
from enum import Enum

import msgspec

from agents.circuit import Circuit
from agents.facts import Fact
from agents.fortune import Fortune
from agents.ledger import Destination as Key
from agents.ledger import Ledger
from agents.passed_over import PassedOver
from agents.slots import Standing
from schemas.delivery import Delivery
from schemas.tenant import Tenant
from streams.settings import Settings

#: So many threads are kept in memory for the probes of an open circuit.
PROBES = 8
#: Of the places one thread may hold what others leave of the first half, and an eighth in any case: what is more of it
#: waits in the log, so that others find theirs.
HALF, LANE_SHARE = 2, 8


class State(Enum):
    """Who feeds a destination."""

    LIVE = "live"
    BEHIND = "behind"


class Place(msgspec.Struct, frozen=True):
    """A delivery that holds a place in memory."""

    fact: Fact
    delivery: Delivery
    #: The record by which it was planned: under another one the calls may be others.
    tenant: Tenant

    @property
    def offset(self) -> int:
        """Offset of its fact."""
        return self.fact.offset


class Destination:
    """Queue and cursor of one (tenant, platform).

    Two numbers tell how far it is: the *cursor* (first unfinished offset, kept in checkpoints) and the *read position*
    (first offset not queued, volatile).

    A thread that holds its share of the places is *passed over*: the first offset that it has to be read again from is
    remembered, and holds the cursor.
    """

    def __init__(
        self,
        key: Key | None,
        state: State,
        read_position: int,
        settings: Settings,
        ledger: Ledger,
        circuit: Circuit,
        standing: Standing,
    ) -> None:
        self.key = key
        self.state = state
        self.read_position = read_position
        #: First offset that the live stream feeds it; below, the sweep has.
        self.join = 0
        self.lanes: dict[str, deque[Place]] = {}
        self.circuit = circuit
        #: How its calls go, by which slots are shared out.
        self.standing = standing
        self.fortune = Fortune()
        self._queued: dict[int, Place] = {}
        self._passed_over = PassedOver()
        self._settings = settings
        self._ledger = ledger

    @property
    def queued(self) -> int:
        """Deliveries in memory."""
        return len(self._queued)

    def oldest(self) -> int | None:
        """When the first delivery in memory was appended, in Unix milliseconds."""
        return self._queued[min(self._queued)].fact.record.timestamp if self._queued else None

    def holds(self, offset: int) -> bool:
        """True when that delivery is queued or in flight."""
        return offset in self._queued

    def cursor(self, live_position: int | None) -> int:
        """First offset that is not finished; ``live_position`` is what the live stream delivers next."""
        position, lowest = self._position(live_position), self._lowest()
        return position if lowest is None else min(position, lowest)

    def _position(self, live_position: int | None) -> int:
        if self.state is State.BEHIND or live_position is None:
            return self.read_position
        return max(live_position, self.join)

    def _lowest(self) -> int | None:
        """The first offset that is queued or passed over."""
        queued, passed_over = min(self._queued, default=None), self._passed_over.lowest()
        if queued is None or passed_over is None:
            return passed_over if queued is None else queued
        return min(queued, passed_over)

    def room(self) -> int:
        """How many deliveries it takes now.

        What is queued holds its payload and counts against ``places``; what is finished above a stuck delivery is one
        number and counts against ``finished_places``, so that a stuck one neither grows the ledger nor soon stops all
        other threads.
        """
        free = self._settings.places - len(self._queued)
        if self.key is None or not (self._queued or self._passed_over):
            # Nothing holds the cursor back: what is finished above it will be passed by reading on.
            return free
        finished = len(self._ledger.finished.get(self.key, ()))
        if finished > self._settings.places and self._ledger.is_crowded():
            return self._settings.places - finished
        return min(free, self._settings.finished_places - finished)

    def takes_more(self) -> bool:
        """True when at least half of the places are free; while the circuit is open, when too few threads can probe."""
        if self.circuit.is_open:
            return len(self.lanes) < min(PROBES, self._settings.places) and self.room() > 0
        return self.room() >= max(1, self._settings.places // 2)

    def add(self, place: Place) -> str | None:
        """Queue a delivery; returns the lane's name when its runner has to be started."""
        self._queued[place.offset] = place
        name = place.delivery.lane
        lane = self.lanes.get(name)
        if lane is not None:
            lane.append(place)
            return None
        self.lanes[name] = deque((place,))
        return name

    def finish(self, offset: int, live_position: int | None) -> None:
        """The delivery has ended; what the cursor passes is forgotten."""
        lowest = self._lowest()
        self._queued.pop(offset, None)
        if self.key is not None and (lowest is None or lowest == offset):
            self._ledger.forget_below(self.key, self.cursor(live_position))

    @property
    def passes_some_over(self) -> bool:
        """True while a thread has to be read again."""
        return bool(self._passed_over)

    def passes_over(self, lane: str, offset: int) -> bool:
        """True when the thread holds its share of the places, so that its delivery at ``offset`` stays in the log."""
        waits = self._passed_over.is_behind_another(lane, offset)
        if not waits and len(self.lanes.get(lane, ())) < self._share_of(lane):
            self._passed_over.take_up(lane)
            return False
        self.read_position = max(self.read_position, self._passed_over.pass_over(lane, offset))
        return True

    def _share_of(self, lane: str) -> int:
        """How many places the thread may hold now."""
        others = len(self._queued) - len(self.lanes.get(lane, ()))
        return max(1, self._settings.places // LANE_SHARE, self._settings.places // HALF - others)

    def readmit(self, lane: str, live_position: int | None) -> int | None:
        """From where the thread has to be read again, when it was passed over and has room now; else None."""
        if lane not in self._passed_over or len(self.lanes.get(lane, ())) > self._share_of(lane) // 2:
            return None
        return self._passed_over.go_back(lane, self._position(live_position))

    def fall_behind(self, read_position: int) -> None:
        """From now on the sweep feeds it, from ``read_position``."""
        self.state = State.BEHIND
        self.read_position = read_position

    def go_live(self) -> None:
        """From its read position on the live stream feeds it."""
        self.state = State.LIVE
        self.join = self.read_position
