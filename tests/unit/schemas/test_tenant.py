"""A tenant's record: who paused it, why, and what the sender sees of that."""

import json

import pytest
from pydantic import ValidationError

from schemas.outcomes import Platform
from schemas.tenant import HISTORY_LENGTH, Pause, Tenant
from tests.unit.schemas.samples import tenant

AT, LATER = "2026-11-22T10:00:00.000Z", "2026-11-22T11:00:00.000Z"


def pause(*platforms: Platform, reason: str = "migration") -> Pause:
    return Pause(reason=reason, at=AT, by="op", **({"platforms": platforms} if platforms else {}))


def test_nothing_is_paused_at_first() -> None:
    assert not tenant().is_paused("genesys") and not tenant().is_paused("whatsapp")


def test_a_pause_holds_back_both_platforms_unless_one_is_named() -> None:
    assert tenant().with_pause(pause()).is_paused("genesys")
    one = tenant().with_pause(pause("whatsapp"))
    assert one.is_paused("whatsapp") and not one.is_paused("genesys")


def test_a_second_pause_resumes_nothing() -> None:
    paused = tenant().with_pause(pause("whatsapp")).with_pause(pause("genesys", reason="outage"))
    assert paused.paused == pause("genesys", "whatsapp", reason="outage")
    assert [(note.what, note.platforms) for note in paused.history] == [
        ("paused", ("whatsapp",)),
        ("paused", ("genesys",)),
    ]


def test_resuming_leaves_its_reason_in_the_history() -> None:
    resumed = tenant().with_pause(pause("genesys")).resumed("done", LATER, "op2")
    assert resumed.paused is None
    last = resumed.history[-1]
    assert (last.what, last.platforms, last.reason, last.at, last.by) == ("resumed", ("genesys",), "done", LATER, "op2")


def test_the_history_keeps_the_newest_notes() -> None:
    paused = tenant()
    for number in range(HISTORY_LENGTH + 3):
        paused = paused.with_pause(pause(reason=str(number)))
    assert [note.reason for note in paused.history] == [str(n) for n in range(3, HISTORY_LENGTH + 3)]


def test_a_paused_tenant_survives_being_written() -> None:
    paused = tenant().with_pause(pause("genesys")).resumed("done", LATER, "op").with_pause(pause())
    fields = paused.model_dump_json(context={"encrypt": str})
    assert Tenant.model_validate_json(fields) == paused


def test_a_time_that_is_not_canonical_is_refused() -> None:
    with pytest.raises(ValidationError, match="at"):
        Pause(reason="x", at="2026-11-22T10:00:00Z", by="op")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("channels", 0, "access_token"), "EAAG\n"),
        (("apps", 0, "app_secret"), "two\nlines"),
        (("genesys", "clients", 0, "client_secret"), "\x00"),
        (("genesys", "clients", 0, "client_id"), "a:b"),
        (("genesys", "api_url"), "http://user:password@host"),
        (("genesys", "api_url"), "https://.example.com"),
        (("genesys", "login_url"), f"https://{'a' * 64}.com"),
        (("genesys", "login_url"), "https://"),
        (("channels", 0, "messages_per_second"), 0),
    ],
)
def test_what_no_request_can_be_made_of_is_refused_by_its_name(path: tuple[str | int, ...], value: object) -> None:
    fields = json.loads(tenant().model_dump_json(context={"encrypt": str}))
    *way, last = path
    where = fields
    for step in way:
        where = where[step]
    where[last] = value
    with pytest.raises(ValidationError) as refused:
        Tenant.model_validate(fields)
    assert refused.value.errors()[0]["loc"] == path
