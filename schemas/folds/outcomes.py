"""What each record of ``outcomes`` says about the views."""

from __future__ import annotations

from schemas.folds.attempt import RANKS, AttemptState
from schemas.folds.message import MessageState
from schemas.folds.shapes import Header, OutcomeRead
from schemas.folds.timeline import RemoteId
from schemas.folds.times import merge_time, tenant_of
from schemas.folds.views import Views, add


def attempted(views: Views, header: Header, data: OutcomeRead) -> None:
    """``delivery.attempted``: an attempt whose answer is not known yet."""
    state = _attempt(header, data)
    state.attempted_at = merge_time(header)
    add(views.attempt, state)


def failed(views: Views, header: Header, data: OutcomeRead) -> None:
    """``delivery.failed``: closes the attempt, not the delivery; the message stays as it is."""
    add(views.attempt, _ended(header, data, "failed"))


def given_up(views: Views, header: Header, data: OutcomeRead) -> None:
    """``delivery.expired`` and ``.dead_lettered``: the delivery failed, and with it the message, if it is one's."""
    state = _ended(header, data, header.type.removeprefix("delivery."))
    add(views.attempt, state)
    message = MessageState(tenant_id=state.tenant_id, message_id=data.delivery)
    message.failed_at, message.failure_code, message.failure_reason = state.ended_at, state.code, state.reason
    add(views.message, message)


def accepted(views: Views, header: Header, data: OutcomeRead) -> None:
    """``delivery.accepted``: the platform took this part, and gave it an id; the last part makes the message sent."""
    state = _ended(header, data, "accepted")
    add(views.attempt, state)
    remote = data.personal.message
    message = MessageState(tenant_id=state.tenant_id, message_id=data.delivery)
    if data.part == data.parts:
        message.sent_at = state.ended_at
    if data.platform == "genesys":
        message.genesys_conversation_id = data.genesys_conversation_id
    if remote:
        if data.part == 1 and data.platform == "genesys":
            message.genesys_id = remote
        elif data.part == 1:
            message.whatsapp_id = remote
        known = RemoteId(
            tenant_id=state.tenant_id,
            platform=data.platform,
            remote_id=remote,
            message_id=data.delivery,
            part=data.part,
        )
        add(views.remote_id, known)
    add(views.message, message)


def _attempt(header: Header, data: OutcomeRead) -> AttemptState:
    return AttemptState(
        tenant_id=tenant_of(header),
        delivery_id=data.delivery,
        platform=data.platform,
        part=data.part,
        term=data.term,
        attempt=data.attempt,
        parts=data.parts,
        events_offset=data.offset,
    )


def _ended(header: Header, data: OutcomeRead, result: str) -> AttemptState:
    state = _attempt(header, data)
    state.ended_at, state.result, state.rank = merge_time(header), result, RANKS[result]
    state.status, state.context_id = data.status, data.context_id
    if data.failure:
        state.code, state.reason = data.failure.code, data.failure.reason
    return state
