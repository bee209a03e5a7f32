"""The customer's newest message of a thread, remembered for tenants that show typing."""

from collections.abc import Sequence

import msgspec

from agents.recent import RecentMessages
from schemas.envelope import Envelope
from schemas.tenant import Tenant
from tests.unit.schemas.samples import CUSTOMER, received, tenant


class Tenants:
    def __init__(self, *, willing: bool) -> None:
        self.tenants: Sequence[Tenant] = (tenant().model_copy(update={"whatsapp_typing": willing}),)

    def by_id(self, tenant_id: str) -> Tenant | None:
        return next((t for t in self.tenants if t.id == tenant_id), None)


def said(wamid: str, thread: str = "thread") -> Envelope:
    fact = received(id=wamid, type="text", text={"body": "hi"}, **{"from": CUSTOMER})
    return msgspec.structs.replace(fact, subject=thread)


def test_the_newest_counts() -> None:
    recent = RecentMessages(Tenants(willing=True))
    for offset, wamid in ((7, "wamid.A"), (9, "wamid.B"), (8, "wamid.old")):
        recent.note(offset, said(wamid))
    assert recent.newest("thread") == "wamid.B"
    assert recent.newest("another") is None


def test_threads_not_heard_of_for_long_are_forgotten() -> None:
    recent = RecentMessages(Tenants(willing=True), limit=2)
    for offset, thread in enumerate(("a", "b", "a", "c")):
        recent.note(offset, said("wamid.A", thread))
    assert [recent.newest(thread) for thread in "abc"] == ["wamid.A", None, "wamid.A"]


def test_nothing_is_remembered_of_tenants_that_show_no_typing() -> None:
    recent = RecentMessages(Tenants(willing=False))
    recent.note(1, said("wamid.A"))
    assert recent.newest("thread") is None
