"""A word to a customer whose message waits because the contact centre cannot be reached: a fact like any other."""

from __future__ import annotations

from typing import Final

from schemas.envelope import Envelope, decode_data, envelope
from schemas.errors import UndecodableRecord
from schemas.events import Content, MessageData, MessagePersonal
from schemas.ids import event_id

#: ``author`` of what nobody but relaylog wrote.
AUTHOR: Final = "relaylog"
#: Of every fact that the sender appends.
SOURCE: Final = "relaylog/sender"


def outage_notice(waiting: Envelope, text: str, due: str, recorded: str) -> Envelope:
    """The ``message.composed`` that tells the customer of ``waiting``, the first message of the thread that waits.

    Its id is that message's, so a notice appended again after a crash is a copy. ``due`` (canonical time) is its
    ``time`` whenever it is appended: one appended late is looked up as a possible copy, like any late fact.
    Raises UndecodableRecord when ``waiting`` belongs to no tenant or lacks its shape, UnknownEventVersion as
    ``decode_data`` does.
    """
    if waiting.tenantid is None:
        raise UndecodableRecord(f"{waiting.type}: tenantid: expected the tenant's id")
    said = decode_data(waiting, MessageData)
    return envelope(
        id=event_id(waiting.tenantid, "relaylog", "notice", waiting.id),
        type="message.composed",
        source=SOURCE,
        time=due,
        recordedtime=recorded,
        tenantid=waiting.tenantid,
        subject=waiting.subject,
        causationid=waiting.id,
        correlationid=waiting.correlationid,
        data=MessageData(
            channel=said.channel,
            customer=said.customer,
            direction="outbound",
            kind="text",
            author=AUTHOR,
            personal=MessagePersonal(customer=said.personal.customer, content=Content(kind="text", text=text)),
        ),
    )
