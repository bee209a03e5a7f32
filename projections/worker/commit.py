"""Committing a batch around whatever the database refuses."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from projections.worker.batch import Batch, Folded, fold_batch, halves, park_only
from projections.worker.store import DATA_ERRORS

Apply = Callable[[Batch, Folded], Awaitable[None]]


async def commit(batch: Batch, apply: Apply, folded: Folded | None = None) -> None:
    """``apply`` the batch, which is folded here unless it was already.

    What raises one of DATA_ERRORS is halved until the one bad record is set aside; such a record moves its position in
    the same transaction, as any other. Raises what else ``apply`` raises.
    """
    folded = folded or fold_batch(batch)
    try:
        await apply(batch, folded)
    except DATA_ERRORS as error:
        if folded.records == 1:
            await apply(batch, park_only(batch, error))
            return
        for half in halves(batch):
            await commit(half, apply)
