"""A redrive demands the delivery of its original again, and is one however often it is asked for."""

import msgspec
import pytest

from schemas.envelope import Envelope, decode, decode_data, encode
from schemas.errors import UndecodableRecord, UnknownEventVersion
from schemas.events import RedrivenData
from schemas.planning import duplicate_keys, plan, platform_of
from schemas.redriving import given_up, original_of, redriven
from tests.unit.schemas.samples import composed, genesys, media_link, received, tenant, whatsapp
from tests.unit.schemas.test_planning import status

AT = "2026-11-25T08:00:00.000Z"


def again(fact: Envelope, number: int = 1, offset: int = 41, at: str = AT) -> Envelope:
    return redriven(given_up(fact, offset), number=number, reason="corrected", by="op", at=at)


FACTS = [received(), composed(text="long " * 2000), status("delivered")]


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.type)
def test_it_demands_the_originals_delivery_with_an_age_of_its_own(fact: Envelope) -> None:
    first, second = plan(fact, tenant(), media_link), plan(again(fact), tenant(), media_link)
    assert first is not None and second is not None
    assert (second.id, second.kind, second.lane, second.calls) == (first.id, first.kind, first.lane, first.calls)
    assert (first.time, second.time) == (fact.time, AT)


@pytest.mark.parametrize(("taken", "left_out"), [(0, 0), (1, 1), (99, 2)])
def test_parts_that_had_been_taken_are_left_out_and_never_all_of_them(taken: int, left_out: int) -> None:
    fact = composed(text="long " * 2000)
    redrive = redriven(given_up(fact, 41, taken), number=1, reason="corrected", by="op", at=AT)
    delivery = plan(redrive, tenant(), media_link)
    assert delivery is not None
    assert (len(delivery.calls), delivery.taken) == (3, left_out)


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.type)
def test_it_belongs_to_the_story_of_its_original(fact: Envelope) -> None:
    redrive = again(fact)
    assert (redrive.tenantid, redrive.subject, redrive.correlationid) == (
        fact.tenantid,
        fact.subject,
        fact.correlationid,
    )
    assert (redrive.causationid, redrive.time, redrive.recordedtime) == (fact.id, AT, AT)
    assert original_of(decode(encode(redrive))) == fact
    assert platform_of(redrive) == platform_of(fact)


def test_the_same_number_is_the_same_fact_and_another_is_not() -> None:
    fact = composed()
    assert again(fact).id == again(fact, at="2026-11-26T08:00:00.000Z").id
    assert again(fact).id != again(fact, number=2).id
    assert duplicate_keys(again(fact)) == (again(fact).id,)
    assert duplicate_keys(again(status("delivered"))) == (again(status("delivered")).id,)


def test_a_redrive_that_was_given_up_keeps_number_and_place_of_the_original() -> None:
    fact = composed()
    letter = given_up(again(fact), offset=9_000)
    assert (letter.original, letter.offset, letter.number) == (fact, 41, 1)
    second = redriven(letter, number=2, reason="again", by="op", at=AT)
    data = decode_data(second, RedrivenData)
    assert (data.delivery, data.number, data.offset) == (fact.id, 2, 41)
    assert second.causationid == again(fact).id
    assert original_of(second) == fact


@pytest.mark.parametrize(
    ("fact", "platform"),
    [
        (received(), "genesys"),
        (composed(), "whatsapp"),
        (status("read"), "genesys"),
        (status("sent"), None),
        (genesys(type="Receipt", status="Published").facts[0], None),
        (whatsapp({"errors": [{"code": 1}]}).facts[0], None),
    ],
    ids=lambda value: getattr(value, "type", value),
)
def test_where_a_fact_goes(fact: Envelope, platform: str | None) -> None:
    assert platform_of(fact) == platform


def test_a_redrive_of_something_else_is_undecodable() -> None:
    redrive = again(composed())
    for original in (b"{}", b"7", encode(received()), encode(redrive)):
        data = decode_data(redrive, RedrivenData)
        personal = msgspec.structs.replace(data.personal, original=msgspec.Raw(original))
        forged = msgspec.Raw(msgspec.json.encode(msgspec.structs.replace(data, personal=personal)))
        with pytest.raises(UndecodableRecord):
            plan(msgspec.structs.replace(redrive, data=forged), tenant(), media_link)
    with pytest.raises(UndecodableRecord):
        plan(msgspec.structs.replace(redrive, tenantid="globex"), tenant(), media_link)
    with pytest.raises(UndecodableRecord):
        platform_of(msgspec.structs.replace(redrive, data=msgspec.Raw(b'{"personal": {}}')))
    with pytest.raises(UnknownEventVersion):
        platform_of(msgspec.structs.replace(redrive, dataschema="delivery.redriven/2"))
    with pytest.raises(UndecodableRecord, match="tenantid"):
        again(msgspec.structs.replace(composed(), tenantid=None))
    with pytest.raises(UndecodableRecord):
        given_up(msgspec.structs.replace(composed(), data=msgspec.Raw(b"{}")), 1)
