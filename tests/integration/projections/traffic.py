"""Random talk: every message with random statuses, every thread with random doings."""

from __future__ import annotations

import random

from schemas import ids, outcomes
from schemas.parts import Failure
from tests.integration.projections.doings import Doings
from tests.integration.projections.support import ACME, Clock, accepted, composed, message, outcome, status


def traffic(dice: random.Random) -> tuple[list[bytes], list[bytes]]:
    """Random talk in few threads: every message with random statuses, every thread with random doings."""
    clock, events, results = Clock(), [], []
    customers = [f"4477009001{number:02d}" for number in range(4)]
    for number in range(60):
        customer = dice.choice(customers)
        doings = Doings(customer, dice.choice(["g-1", "g-2"]))
        if dice.random() < 0.4:
            events.append(message(ACME, f"wamid.{number}", clock(), customer=customer, text=f"text {number}"))
        elif dice.random() < 0.6:
            events.append(composed(ACME, f"g-{number}", clock(), customer=customer, text=f"answer {number}"))
            id = ids.genesys_message_id(ACME, f"g-{number}")
            if dice.random() < 0.7:
                results.append(accepted(ACME, id, clock(), platform="whatsapp", remote=f"wamid.out.{number}"))
            kinds = dice.sample(["sent", "delivered", "read", "played", "failed"], dice.randrange(4))
            events += [status(ACME, id, kind, clock(), wamid=f"wamid.out.{number}") for kind in kinds]
            if not kinds and dice.random() < 0.5:
                ended = outcomes.Ended(
                    delivery=id, offset=0, term=0, platform="whatsapp", failure=Failure(code="131026", reason="x")
                )
                results.append(outcome(ACME, "dead_lettered", clock(), ended))
        else:
            events.append(_doing(dice, doings, customer, number, clock()))
    return events, results


def _doing(dice: random.Random, doings: Doings, customer: str, number: int, time: str) -> bytes:
    participant, label = f"{customer}-{dice.randrange(2)}", dice.choice(["vip", "new"])
    return dice.choice(
        [
            doings.queued(time),
            doings.joined(time, participant),
            doings.left(time, participant),
            doings.noted(time, added=(label,), order=str(number)),
            doings.noted(time, removed=(label,)),
            doings.closed(time, reason=f"reason {number}"),
        ]
    )
