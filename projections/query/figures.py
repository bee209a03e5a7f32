"""The resources of analytics, for the description of the API. Seconds are null where nothing was measured."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from projections.query.models import Resource


class Figures(Resource):
    """Figures of one tenant in one period, which is named by its beginning."""

    tenant_id: str
    period: datetime


class MessageFigures(Figures):
    """Messages by the time they were written; each of the steps counts those that came so far, or further."""

    channel: str
    direction: Literal["inbound", "outbound"]
    author: str | None
    messages: int
    sent: int
    delivered: int
    read: int
    failed: int
    #: Messages by the platform's code.
    failures: dict[str, int]


class SessionFigures(Figures):
    """Sessions by their first message.

    A session of a thread ends when it is closed, or 24 hours after its last message. ``asked`` has a question of the
    customer, ``answered`` an answer to the first of them. A wait lasts from the first open question to the next answer.
    """

    channel: str | None
    sessions: int
    messages: int
    closed: int
    asked: int
    answered: int
    first_response_seconds: float | None
    first_response_p50_seconds: float | None
    first_response_p90_seconds: float | None
    waits: int
    waiting_seconds: float | None
    resolution_seconds: float | None
    resolution_p50_seconds: float | None


class AgentFigures(Figures):
    """Agents and bots by the time they joined; those who are still ``present`` are not counted in the seconds."""

    channel: str | None
    role: Literal["agent", "bot"]
    user_id: str | None
    queue_id: str | None
    joined: int
    conversations: int
    present: int
    handle_seconds: float


class QueueFigures(Figures):
    """Waits in queues by their beginning: answered by an agent or bot, abandoned by closing, or still going on."""

    channel: str | None
    queue_id: str | None
    queued: int
    answered: int
    abandoned: int
    waiting: int
    waiting_seconds: float | None
    waiting_p90_seconds: float | None


class CustomerFigures(Figures):
    """Customers who wrote in the period: first seen in it, or before."""

    channel: str | None
    customers: int
    new: int
    returning: int


class OptOutFigures(Figures):
    """Customers by the choice that stands for a category of messages."""

    category: str
    opted_out: int
    opted_in: int


class Totals(Resource):
    """All tenants that the caller sees; the steps are those of outbound messages."""

    messages_in: int
    messages_out: int
    sent: int
    delivered: int
    read: int
    failed: int
    delivery_rate: float | None
    read_rate: float | None
    sessions: int
    closed: int
    answered: int
    first_response_seconds: float | None
    customers: int
