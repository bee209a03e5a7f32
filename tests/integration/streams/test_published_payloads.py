"""Payloads that others published, signed and posted: each ends as facts or named skips, none as a dead letter."""

import json
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from streams.log import LogWriter
from streams.registration import register_tenant
from streams.settings import Settings
from tests.integration.streams.support import Gateway, headers_of, read_log, started_gateway
from tests.unit.streams.samples import draft_fields, sample_draft

pytestmark = pytest.mark.integration

GOLDEN = Path(__file__).parents[2] / "golden"
WHATSAPP = {
    f"{path.stem}/{name}": payload
    for path in sorted((GOLDEN / "whatsapp").glob("*.json"))
    for name, payload in json.loads(path.read_text()).items()
}
GENESYS = {
    path.stem: json.loads(path.read_text())
    for path in sorted((GOLDEN / "genesys").glob("openmessaging-outbound-*.json"))
    if "schema" not in path.stem
}


def addressed(payload: dict[str, Any], to: dict[str, Any]) -> dict[str, Any]:
    """The payload, for the number and account of a registered channel: published ones are partly placeholders."""
    entries = []
    for entry in payload["entry"]:
        changes = [{**change, "value": _addressed(change["value"], to)} for change in entry["changes"]]
        entries.append({**entry, "id": to["waba_id"], "changes": changes})
    return {**payload, "entry": entries}


def _addressed(value: dict[str, Any], to: dict[str, Any]) -> dict[str, Any]:
    if "metadata" not in value:
        return value
    return {**value, "metadata": {**value["metadata"], "phone_number_id": to["phone_number_id"]}}


async def gateway_for(stack: AsyncExitStack, settings: Settings, writer: LogWriter, **fields: Any) -> Gateway:
    await register_tenant(settings, writer, sample_draft("golden", **fields))
    return await started_gateway(stack, settings)


async def test_every_whatsapp_update(settings: Settings, writer: LogWriter) -> None:
    async with AsyncExitStack() as stack:
        gateway = await gateway_for(stack, settings, writer)
        (channel,) = draft_fields("golden")["channels"]
        for name, payload in WHATSAPP.items():
            status, answer = await gateway.whatsapp(addressed(payload, channel))
            assert (status, answer["dead_lettered"]) == (200, 0), name
            assert answer["accepted"] + answer["skipped"] > 0, name
    types = {headers_of(record)["type"] for record in await read_log(settings, "events")}
    assert types >= {"message.received", "message.echoed", "message.edited", "message.revoked", "status.delivered"}


async def test_every_genesys_notification(settings: Settings, writer: LogWriter) -> None:
    integrations = sorted({payload["channel"]["from"]["id"] for payload in GENESYS.values()})
    (base,) = draft_fields("golden")["channels"]
    channels = [{**base, "phone_number_id": f"{n}", "integration_id": i} for n, i in enumerate(integrations)]
    async with AsyncExitStack() as stack:
        gateway = await gateway_for(stack, settings, writer, channels=channels)
        for name, payload in GENESYS.items():
            integration = payload["channel"]["from"]["id"]
            status, answer = await gateway.genesys(payload, "golden", integration=integration)
            assert (status, answer) == (200, {"accepted": 1, "skipped": 0, "dead_lettered": 0}), name
