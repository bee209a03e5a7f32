"""Tenants, published payloads and small bodies of our own for the tests of the translations."""

import json
from pathlib import Path
from typing import Any

from schemas.envelope import Envelope, decode_data
from schemas.events import FACTS, Media, MessageData, Part
from schemas.genesys.webhook import translate_genesys
from schemas.tenant import Tenant
from schemas.translation import Translated
from schemas.whatsapp.webhook import split_webhook, translate_change

GOLDEN = Path(__file__).parents[2] / "golden"
NUMBER, INTEGRATION, WABA = "1122334455667", "73cb7fb7-c2db-4996-88f3-0a83a4fea1da", "100"
RECORDED = "2026-11-22T10:00:05.000Z"
CUSTOMER, BSUID = "447700900123", "GB.13491208655302741918"
GENESYS_ID = "c327c2078ca056db130c55ce648d9fa2"
#: In place of the numbers that the published payloads only describe.
PLACEHOLDER_NUMBER = "99887766"


def tenant(identity: str = "bsuid", numbers: tuple[str, ...] = ()) -> Tenant:
    """A tenant with the number of most published payloads, and any others."""
    extra = [number for number in numbers if number != NUMBER]
    pairs = [(NUMBER, INTEGRATION), *((number, f"integration-{number}") for number in extra)]
    return Tenant.model_validate(
        {
            "id": "acme",
            "partition": 0,
            "pepper": "a pepper for tests",
            "customer_identity": identity,
            "apps": [{"name": "main", "app_secret": "app secret", "verify_token": "token"}],
            "channels": [
                {
                    "phone_number_id": number,
                    "waba_id": WABA,
                    "app": "main",
                    "access_token": "access",
                    "integration_id": integration,
                    "webhook_secret": "sixteen characters",
                }
                for number, integration in pairs
            ],
            "genesys": {
                "login_url": "https://login.example.com",
                "api_url": "https://api.example.com",
                "clients": [{"client_id": "client", "client_secret": "secret"}],
            },
        }
    )


def media_link(tenant: str, channel: str, media: Media) -> str:
    return f"https://relaylog.example.com/media/{tenant}-{channel}-{media.id}"


def published_whatsapp() -> list[tuple[str, dict[str, Any]]]:
    """Every body that pywa publishes, under ``file/name``."""
    bodies = []
    for path in sorted((GOLDEN / "whatsapp").glob("*.json")):
        text = path.read_text().replace("<BUSINESS_PHONE_NUMBER_ID>", PLACEHOLDER_NUMBER)
        bodies += [(f"{path.stem}/{name}", body) for name, body in json.loads(text).items()]
    return bodies


def published_genesys() -> list[tuple[str, dict[str, Any]]]:
    """Every body that Genesys posts, of those published."""
    paths = sorted((GOLDEN / "genesys").glob("openmessaging-outbound-*.json"))
    return [(path.stem, json.loads(path.read_text())) for path in paths]


def numbers_of(body: dict[str, Any]) -> tuple[str, ...]:
    """The numbers that a body is about, to be registered."""
    return tuple({change.phone_number_id for change in split_webhook(body) if change.phone_number_id})


def whatsapp_body(value: dict[str, Any], field: str = "messages") -> dict[str, Any]:
    metadata = {"display_phone_number": "15550001111", "phone_number_id": NUMBER}
    value = {"messaging_product": "whatsapp", "metadata": metadata, **value}
    return {
        "object": "whatsapp_business_account",
        "entry": [{"id": WABA, "changes": [{"field": field, "value": value}]}],
    }


def whatsapp(value: dict[str, Any], field: str = "messages", owner: Tenant | None = None) -> Translated:
    """Translate a body with one change."""
    (change,) = split_webhook(whatsapp_body(value, field))
    return translate_change(change, owner or tenant(), RECORDED)


def message(**fields: Any) -> dict[str, Any]:
    """An element of ``messages[]``: a text, unless ``fields`` say otherwise."""
    element = {"from": CUSTOMER, "id": "wamid.A1", "timestamp": "1763805600"}
    return {**element, **({"type": "text", "text": {"body": "Hello"}} if "type" not in fields else {}), **fields}


def received(**fields: Any) -> Envelope:
    """The one fact about a message."""
    (fact,) = whatsapp({"messages": [message(**fields)]}).facts
    return fact


def genesys_body(**fields: Any) -> dict[str, Any]:
    """What Genesys posts: a text of an agent, unless ``fields`` say otherwise."""
    channel = {
        "id": INTEGRATION,
        "messageId": GENESYS_ID,
        "to": {"id": CUSTOMER, "idType": "Phone"},
        "from": {"id": INTEGRATION, "idType": "Opaque", "nickname": "WhatsApp"},
        "time": "2026-11-22T10:00:01.250Z",
    }
    body = {"id": GENESYS_ID, "channel": channel, "type": "Text", "text": "Hi Ann.", "originatingEntity": "Human"}
    return {**body, "direction": "Outbound", **fields}


def genesys(owner: Tenant | None = None, **fields: Any) -> Translated:
    owner = owner or tenant()
    return translate_genesys(genesys_body(**fields), owner, owner.channels[0], RECORDED)


def composed(**fields: Any) -> Envelope:
    """The one fact about a message from Genesys."""
    (fact,) = genesys(**fields).facts
    return fact


def data_of(fact: Envelope) -> Part:
    """Its data, decoded as what its type says."""
    return decode_data(fact, FACTS[fact.type])


def message_of(fact: Envelope) -> MessageData:
    return decode_data(fact, MessageData)
