"""Each kind of delivery has a maximum age, counted from the time of its fact."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.delivery import Delivery
from schemas.envelope import milliseconds_of_time

if TYPE_CHECKING:
    from agents.context import SenderContext


def is_too_old(context: SenderContext, delivery: Delivery) -> bool:
    """True when ``delivery`` may not be sent any more."""
    settings = context.settings
    seconds = {
        "message": settings.message_max_age,
        "receipt": settings.receipt_max_age,
        "typing": settings.typing_max_age,
    }[delivery.kind]
    return context.now() - milliseconds_of_time(delivery.time) > 1000 * seconds
