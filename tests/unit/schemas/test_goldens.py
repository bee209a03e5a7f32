"""Published payloads become facts or named skips, and every request that follows is one that Genesys describes."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from jsonschema import Draft7Validator, FormatChecker
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT7

from schemas.delivery import Call
from schemas.envelope import Envelope, decode, encode
from schemas.genesys.webhook import translate_genesys
from schemas.planning import plan
from schemas.whatsapp.webhook import split_webhook, translate_change
from tests.unit.schemas.samples import (
    CUSTOMER,
    GENESYS_ID,
    GOLDEN,
    INTEGRATION,
    NUMBER,
    RECORDED,
    data_of,
    genesys,
    media_link,
    message,
    numbers_of,
    published_genesys,
    published_whatsapp,
    received,
    tenant,
    whatsapp,
)

DESCRIPTION = json.loads((GOLDEN / "genesys-openapi-inbound.json").read_text())
REGISTRY = Registry().with_resource("urn:genesys", Resource.from_contents(DESCRIPTION, DRAFT7))
WHATSAPP = pytest.mark.parametrize("body", [pytest.param(body, id=name) for name, body in published_whatsapp()])
GENESYS = pytest.mark.parametrize("body", [pytest.param(body, id=name) for name, body in published_genesys()])

#: What the description is silent about, and the contract page vouches for (genesys.md 3.1).
SILENT = {"$.channel.metadata": {"customAttributes"}, "$.content[]": {"contentType"}}


def facts_of(body: dict[str, Any]) -> Iterator[Envelope]:
    owner = tenant(numbers=numbers_of(body))
    for change in split_webhook(body):
        yield from translate_change(change, owner, RECORDED).facts


def problems(call: Call) -> list[str]:
    """Why Genesys's description does not allow the call."""
    parts = urlsplit(call.path)
    templates = [path for path in DESCRIPTION["paths"] if parts.path.endswith(path.rpartition("}")[2])]
    if len(templates) != 1:
        return [f"no such path: {call.path}"]
    parameters = DESCRIPTION["paths"][templates[0]]["post"]["parameters"]
    known = {parameter["name"] for parameter in parameters if parameter["in"] == "query"}
    unknown = [f"no such parameter: {name}" for name in parse_qs(parts.query) if name not in known]
    (reference,) = (parameter["schema"]["$ref"] for parameter in parameters if parameter["in"] == "body")
    schema = {"$ref": f"urn:genesys{reference}"}
    validator = Draft7Validator(schema, registry=REGISTRY, format_checker=FormatChecker())
    broken = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(call.body)]
    return unknown + broken + list(strangers(call.body, reference))


def strangers(value: Any, reference: str, where: str = "$") -> Iterator[str]:
    """Fields that the description does not have, which validation alone lets pass."""
    shape = DESCRIPTION["definitions"][reference.rpartition("/")[2]]
    allowed = {**shape.get("properties", {}), **{name: {} for name in SILENT.get(where, ())}}
    for name, item in value.items():
        if name not in allowed:
            yield f"{where}.{name}: not described"
            continue
        field = allowed[name]
        if field.get("readOnly"):
            yield f"{where}.{name}: read only"
        inner = field.get("items", field).get("$ref")
        if inner and isinstance(item, list):
            for element in item:
                yield from strangers(element, inner, f"{where}.{name}[]")
        elif inner:
            yield from strangers(item, inner, f"{where}.{name}")


@WHATSAPP
def test_every_published_whatsapp_body_becomes_facts_or_named_skips(body: dict[str, Any]) -> None:
    owner = tenant(numbers=numbers_of(body))
    for change in split_webhook(body):
        result = translate_change(change, owner, RECORDED)
        assert result.rejected == []
        assert bool(result.facts) != bool(result.skipped)
        for fact in result.facts:
            assert decode(encode(fact)) == fact
            assert data_of(fact)
        assert [fact.id for fact in translate_change(change, owner, "2026-11-22T10:00:09.000Z").facts] == [
            fact.id for fact in result.facts
        ]


@WHATSAPP
def test_nothing_personal_stands_outside_personal(body: dict[str, Any]) -> None:
    """Elements with a customer: their wamid, number, name and text appear nowhere but in ``data.personal``."""
    personal = ("972987654321", "16505551234", "wamid.", "Test Name", "User A", "Body Text", "caption")
    for fact in facts_of(body):
        if fact.type in ("template.changed", "platform.error_reported"):
            continue
        clear = json.loads(encode(fact))
        assert clear["data"].pop("personal")
        assert not [secret for secret in personal if secret in json.dumps(clear)]


@WHATSAPP
def test_every_message_arrives_at_genesys_as_it_describes(body: dict[str, Any]) -> None:
    owner = tenant(numbers=numbers_of(body))
    for fact in facts_of(body):
        delivery = plan(fact, owner, media_link)
        if fact.type in ("message.received", "message.reacted", "message.edited", "message.revoked"):
            assert delivery is not None and len(delivery.calls) == 1
            (call,) = delivery.calls
            assert problems(call) == []
            assert call.body.get("text") or call.body.get("content")
        else:
            assert delivery is None


@GENESYS
def test_every_published_genesys_body_becomes_facts(body: dict[str, Any]) -> None:
    owner = tenant()
    result = translate_genesys(body, owner, owner.channels[0], RECORDED)
    assert (result.rejected, dict(result.skipped), len(result.facts)) == ([], {}, 1)
    assert data_of(result.facts[0])


@pytest.mark.parametrize("status", ["delivered", "read", "failed"])
def test_every_receipt_is_as_genesys_describes(status: str) -> None:
    owner = tenant()
    (fact,) = genesys(owner).facts
    delivery = plan(fact, owner, media_link)
    assert delivery is not None
    errors = [{"code": 131047, "title": "Re-engagement message"}] if status == "failed" else None
    element = {
        "id": "wamid.B1",
        "status": status,
        "timestamp": "1763805602",
        "recipient_id": CUSTOMER,
        "biz_opaque_callback_data": delivery.calls[0].body["biz_opaque_callback_data"],
        **({"errors": errors} if errors else {}),
    }
    (reported,) = whatsapp({"statuses": [element]}).facts
    receipt = plan(reported, owner, media_link)
    assert receipt is not None and receipt.kind == "receipt" and receipt.lane == delivery.lane == fact.subject
    assert problems(receipt.calls[0]) == []
    assert receipt.calls[0].body["id"] == GENESYS_ID
    assert receipt.calls[0].body["channel"]["to"]["id"] == CUSTOMER


def test_a_tap_is_as_genesys_describes() -> None:
    tap = {"type": "button_reply", "button_reply": {"id": f"{GENESYS_ID}:YES", "title": "Yes"}}
    delivery = plan(received(type="interactive", interactive=tap), tenant(), media_link)
    assert delivery is not None and problems(delivery.calls[0]) == []
    assert delivery.calls[0].path.endswith(f"/{INTEGRATION}/inbound/open/structured/response")


@pytest.mark.parametrize(
    "body",
    [
        {"channel": {"from": {"id": "1"}, "time": "2026-11-22T10:00:00.000Z"}},
        {"channel": {"from": {"id": "1", "idType": "Number"}, "time": "2026-11-22T10:00:00.000Z"}},
        {"channel": {"from": {"id": "1", "idType": "Phone"}}},
        {"channel": {"from": {"id": "1", "idType": "Phone"}, "time": "t"}, "metadata": {"a": {}}},
        {"channel": {"from": {"id": "1", "idType": "Phone"}, "time": "t"}, "attachments": []},
    ],
)
def test_the_check_against_the_description_can_fail(body: dict[str, Any]) -> None:
    assert problems(Call(f"/api/v2/conversations/messages/{INTEGRATION}/inbound/open/message", body))


def test_a_batch_is_translated_element_by_element() -> None:
    value = {
        "messages": [message(id="wamid.1"), {"id": "wamid.2"}, message(id="wamid.3")],
        "statuses": [{"id": "wamid.4", "status": "sent", "timestamp": "1763805600", "recipient_id": CUSTOMER}],
        "errors": [{"code": 131000, "title": "Something went wrong"}],
    }
    result = whatsapp(value)
    types = [fact.type for fact in result.facts]
    assert types == ["message.received", "message.received", "status.sent", "platform.error_reported"]
    assert [rejected.element for rejected in result.rejected] == [{"id": "wamid.2"}]
    assert {json.loads(encode(fact))["source"] for fact in result.facts} == {f"whatsapp/{NUMBER}"}
